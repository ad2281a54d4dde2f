"""A round wakes everybody's waiting messages; neither trouble nor slowness of one is another's."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest

from headworks.errors import Unavailable
from headworks.ledger.ledger import Entry, Letter
from headworks.ledger.memory import MemoryLedger
from headworks.telemetry import Action
from headworks.testing.broker import MemoryBroker
from headworks.testing.events import FakeContext
from headworks.waking import Waker
from tests.support.declarations import a_queue
from wake_waiting.rounds import NotAllWoken, Rounds

EVENT = json.loads((Path(__file__).parents[3] / "events" / "wake_waiting" / "scheduled.json").read_text())
CONSUMERS = {"post_letter": "letters", "count_click": "clicks", "place_order": "orders"}


class Post:
    """The waiting messages of three consumers: one each, due at once."""

    def __init__(self, clock, log):
        self.log = log
        self.ledgers = {consumer: MemoryLedger(clock) for consumer in CONSUMERS}
        self.brokers = {consumer: MemoryBroker() for consumer in CONSUMERS}
        self.wakers = [
            Waker(
                queue=a_queue(name=queue, consumers=(consumer,)),
                consumer=consumer,
                ledger=self.ledgers[consumer],
                broker=self.brokers[consumer],
                claim_check=None,
                clock=clock,
                log=log,
            )
            for consumer, queue in CONSUMERS.items()
        ]
        for consumer, ledger in self.ledgers.items():
            entry = Entry(key=consumer, message_id=consumer, type="thing.happened", source="shop")
            ledger.hold(entry, Letter(body="{}", sent_at=clock.now()), due=clock.now())

    def go(self, context=None):
        Rounds(self.wakers, log=self.log).go(EVENT, context or FakeContext())

    @property
    def woken(self):
        """Whose messages were sent, each as often as it was."""
        return [name for broker in self.brokers.values() for name, *_ in broker.resent]


@pytest.fixture
def post(clock, log):
    return Post(clock, log)


def test_the_sample_is_what_scheduler_sends():
    assert (EVENT["source"], EVENT["detail-type"]) == ("aws.scheduler", "Scheduled Event")


def test_a_round_sends_everybodys_messages_once(post):
    post.go()
    post.go()

    assert sorted(post.woken) == sorted(CONSUMERS)


def test_one_consumers_trouble_is_told_and_raised_when_the_others_have_had_their_turn(post):
    post.ledgers["count_click"].down = True

    with pytest.raises(NotAllWoken, match="clicks/count_click stay for the next round") as raised:
        post.go()

    assert sorted(post.woken) == ["place_order", "post_letter"]
    assert isinstance(raised.value.__cause__, Unavailable)
    [told] = [fields for action, fields in post.log.lines if action is Action.TROUBLE]
    assert (told["queue"], told["consumer"]) == ("clicks", "count_click")


def test_trouble_that_nobody_thought_of_is_one_consumers_too(post):
    post.ledgers["count_click"].waiting = None

    with pytest.raises(NotAllWoken):
        post.go()

    assert sorted(post.woken) == ["place_order", "post_letter"]


def test_what_was_left_is_woken_by_the_next_round(post):
    post.ledgers["count_click"].down = True
    with pytest.raises(NotAllWoken):
        post.go()
    post.ledgers["count_click"].down = False

    post.go()

    assert sorted(post.woken) == sorted(CONSUMERS)


def test_all_have_their_turn_at_once(post):
    meeting = Barrier(len(CONSUMERS), timeout=5)
    for ledger in post.ledgers.values():
        ledger.waiting = meeting_first(ledger.waiting, meeting)

    post.go()

    assert sorted(post.woken) == sorted(CONSUMERS)


def test_a_round_begins_nothing_that_it_has_no_time_for(post):
    post.go(FakeContext(remaining_ms=int(timedelta(seconds=10).total_seconds() * 1000)))

    assert post.woken == []


def meeting_first(act, barrier):
    def meet_and_act(**fields):
        barrier.wait()
        return act(**fields)

    return meet_and_act
