"""Purging: what lies there goes, what came later stays, and nothing speaks of what went."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from botocore.exceptions import EndpointConnectionError
from msgspec.structs import replace as replace_struct

from headworks.errors import Unavailable
from headworks.ledger.ledger import State
from headworks.operations.purging import DeployedPurging
from headworks.telemetry import Action
from headworks.testing.events import FakeContext, sqs_event
from tests.support.controlled import FULFIL, NOTHING, POST, TOPOLOGY, Controlled, plenty

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


class Stand:
    def __init__(self):
        self.controlled = Controlled()
        self.purging = DeployedPurging(
            TOPOLOGY,
            sqs=self.controlled.aws.client,
            directory=self.controlled,
            on_redis=self.controlled.redis,
            memory=lambda _: self.controlled.memory,
            interventions=self.controlled.interventions,
            clock=self.controlled.clock,
            log=self.controlled.log,
            hands=1,
        )

    def purge(self, before=None, remaining=plenty, address=FULFIL):
        return self.purging.purge([address], before=before, remaining=remaining)

    def fail_once(self, key):
        """A message that has failed, and is to be tried again now."""
        self.controlled.send(key, fails=True)
        [message] = [each for each in self.queue.messages if f'"{key}"' in each.body]
        received = self.controlled.aws.client.receive_message(QueueUrl=self.queue.url, AttributeNames=["All"])
        [got] = received["Messages"]
        assert got["MessageId"] == message.id
        record = {
            "messageId": got["MessageId"],
            "receiptHandle": got["ReceiptHandle"],
            "body": got["Body"],
            "attributes": got["Attributes"],
            "messageAttributes": {},
        }
        self.controlled.handlers[FULFIL](sqs_event(record), FakeContext())
        self.controlled.clock.advance(MINUTE)

    @property
    def queue(self):
        return self.controlled.queues[FULFIL]

    @property
    def items(self):
        return self.controlled.ledgers[FULFIL].items


def unreachable(**_):
    raise EndpointConnectionError(endpoint_url="here")


@pytest.fixture
def stand():
    made = Stand()
    with made.controlled.aws:
        yield made


def test_what_was_sent_before_goes_and_what_came_later_stays_visible(stand):
    for n in range(25):
        stand.controlled.send(f"old{n}")
    stand.controlled.clock.advance(SECOND)
    before = stand.controlled.clock.now()
    stand.controlled.send("new")

    purged = stand.purge(before)

    assert (purged.purged, purged.kept, purged.in_flight, purged.more) == (25, 0, 0, False)
    assert purged.before == before
    stand.controlled.map()
    stand.controlled.aws.run_until_idle()
    assert stand.controlled.done[FULFIL] == ["new"]
    assert Action.PURGED in stand.controlled.log.actions


def test_unless_a_moment_is_given_it_is_now(stand):
    stand.controlled.send("k")
    stand.controlled.clock.advance(SECOND)

    assert (stand.purge().before, len(stand.queue.messages)) == (stand.controlled.clock.now(), 0)


def test_what_is_purged_may_be_sent_anew_and_runs(stand):
    stand.controlled.send("k")
    assert stand.controlled.send("k").duplicate
    stand.controlled.clock.advance(SECOND)
    stand.purge()

    assert not stand.controlled.send("k").duplicate
    stand.controlled.map()
    stand.controlled.aws.run_until_idle()

    assert stand.controlled.done[FULFIL] == ["k"]


def test_what_was_to_be_tried_again_is_on_no_list_any_more(stand):
    stand.fail_once("k")
    assert stand.items["k"].state is State.RETRYING

    purged = stand.purge()

    assert (purged.purged, stand.items, stand.queue.messages) == (1, {}, [])
    assert not stand.controlled.send("k").duplicate


def test_a_copy_of_what_is_done_goes_and_its_key_stays_taken(stand):
    stand.controlled.send("k")
    [message] = stand.queue.messages
    copy = message.body
    stand.controlled.map()
    stand.controlled.aws.run_until_idle()
    stand.controlled.mappings.turn(FULFIL, on=False)
    stand.queue.send(copy)
    stand.controlled.clock.advance(SECOND)

    purged = stand.purge()

    assert (purged.purged, stand.queue.messages) == (1, [])
    assert stand.items["k"].state is State.COMPLETED
    assert stand.controlled.send("k").duplicate


@pytest.mark.parametrize("state", [State.RUNNING, State.REPLAYING])
def test_what_is_on_its_way_to_somebody_is_kept(stand, state):
    stand.fail_once("k")
    stand.items["k"] = replace(stand.items["k"], state=state)

    purged = stand.purge()

    assert (purged.purged, purged.kept, len(stand.queue.messages)) == (0, 1, 1)
    assert stand.controlled.send("k", fails=True).duplicate


def test_what_waits_in_the_ledger_stays(stand):
    stand.controlled.send("later", delay=timedelta(days=1))

    stand.purge()

    assert stand.items["later"].state is State.WAITING


def test_what_nobody_can_read_goes_too(stand):
    stand.queue.send("{broken")
    stand.controlled.clock.advance(SECOND)

    assert (stand.purge().purged, stand.queue.messages) == (1, [])


def test_what_is_in_flight_is_told_and_stays(stand):
    stand.controlled.send("k")
    stand.controlled.aws.client.receive_message(QueueUrl=stand.queue.url)
    stand.controlled.clock.advance(SECOND)

    purged = stand.purge()

    assert (purged.purged, purged.in_flight, len(stand.queue.messages)) == (0, 1, 1)


def test_an_ordered_queue_is_purged_up_to_a_moment_and_goes_on_in_its_order(stand):
    for n in range(15):
        stand.controlled.send(f"old{n}", address=POST, lane=f"lane {n % 2}")
    stand.controlled.clock.advance(SECOND)
    before = stand.controlled.clock.now()
    for n in range(4):
        stand.controlled.send(f"new{n}", address=POST, lane="lane 0")

    purged = stand.purge(before, address=POST)

    assert (purged.purged, purged.more) == (15, False)
    stand.controlled.map()
    stand.controlled.aws.run_until_idle()
    assert stand.controlled.done[POST] == [f"new{n}" for n in range(4)]


@pytest.mark.parametrize("part", ["purging", "memory"])
def test_who_purges_may_die_in_between_and_the_message_still_runs(stand, part):
    stand.fail_once("k")
    if part == "memory":
        stand.controlled.memory.down = True
    else:
        stand.controlled.aws.client.meta.events.register(
            "provide-client-params.sqs.DeleteMessageBatch", unreachable
        )
    with pytest.raises(Unavailable):
        stand.purge()

    assert (stand.items, len(stand.queue.messages)) == ({}, 1)
    stand.controlled.aws.client.meta.events.unregister(
        "provide-client-params.sqs.DeleteMessageBatch", unreachable
    )
    stand.controlled.memory.down = False
    assert stand.purge().purged == 1


def test_where_time_runs_out_there_is_more_and_nothing_stays_hidden(stand):
    for n in range(25):
        stand.controlled.send(f"k{n}")
    stand.controlled.clock.advance(SECOND)
    left = iter([25, 25, 1])

    purged = stand.purge(remaining=lambda: timedelta(seconds=next(left)))

    assert (purged.purged, purged.more) == (20, True)
    assert (stand.purge(purged.before).purged, stand.queue.messages) == (5, [])


def test_two_copies_of_a_key_go_together(stand):
    stand.fail_once("k")
    [message] = stand.queue.messages
    stand.queue.send(message.body)
    stand.controlled.clock.advance(MINUTE)

    purged = stand.purge()

    assert (purged.purged, purged.kept, stand.items) == (2, 0, {})


def test_trouble_gives_back_what_was_taken(stand):
    stand.controlled.send("k")
    stand.controlled.clock.advance(SECOND)
    stand.controlled.memory.down = True
    with pytest.raises(Unavailable):
        stand.purge()
    stand.controlled.memory.down = False

    assert stand.purge().purged == 1


def test_a_queue_that_cannot_be_asked_is_unavailable(stand):
    stand.controlled.aws.client.meta.events.register("provide-client-params.sqs.ReceiveMessage", unreachable)

    with pytest.raises(Unavailable):
        stand.purge()


def test_of_a_queue_on_redis_what_lies_there_and_what_still_lies_on_sqs_is_purged(stand):
    stand.controlled.redis.told[FULFIL] = replace_struct(NOTHING, ready=3, pending=2, due=1)
    stand.controlled.send("on-sqs")
    stand.controlled.clock.advance(SECOND)

    purged = stand.purge()

    assert (purged.purged, purged.kept, purged.in_flight, purged.more) == (5, 0, 2, False)


def test_a_redis_that_does_not_answer_fails_the_purge(stand):
    stand.controlled.redis.told[FULFIL] = NOTHING
    stand.controlled.redis.down = True

    with pytest.raises(Unavailable):
        stand.purge()
