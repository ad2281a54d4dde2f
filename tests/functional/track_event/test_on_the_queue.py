"""Events through the whole consumer: from the queue into objects, as SQS and Lambda hand them over."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from functools import partial

import pytest
from botocore.exceptions import EndpointConnectionError
from msgspec import structs

from headworks.brokers.sqs import SqsBroker
from headworks.consumer import Consumer
from headworks.ledger.ledger import State
from headworks.ledger.memory import MemoryLedger
from headworks.message import encode
from headworks.testing import Ending, SimulatedAws
from headworks.testing.log import RecordingLog
from headworks.wiring import ConsumerParts
from pipeline.queues import ANALYTICS
from tests.support.declarations import SECOND, a_message
from tests.support.pages import pages_of
from track_event.archive import Archive
from track_event.tracking import track


class Pages:
    """The bucket, and what happens when somebody writes to it."""

    def __init__(self, client, clock):
        self._client, self._clock = client, clock
        self.written_at = {}
        self.before, self.after = [], []

    def put_object(self, **asked):
        for happens in self.before[:1]:
            self.before.remove(happens)
            happens()
        self._client.put_object(**asked)
        self.written_at[asked["Key"]] = self._clock.now()
        for happens in self.after[:1]:
            self.after.remove(happens)
            happens()

    @property
    def ids(self):
        return [line["id"] for lines in pages_of(self._client, "pages").values() for line in lines]


class Run:
    """`track_event` between a simulated SQS and a bucket."""

    def __init__(self, aws, s3):
        self.aws = aws
        self.pages = Pages(s3, aws.clock)
        self.queue = aws.queue_for(ANALYTICS)
        self.ledger = MemoryLedger(aws.clock)
        aws.map_for(ANALYTICS, start=self._start)

    def _start(self, environment):
        self.environment = environment
        log = RecordingLog()
        broker = SqsBroker(
            ANALYTICS,
            environment.client,
            url=self.queue.url,
            dead_letter_url=self.queue.dead_letter_queue.url,
            log=log,
        )
        parts = ConsumerParts(broker=broker, ledger=self.ledger, log=log, counts=lambda *_: None)
        archive = Archive(self.pages, bucket="pages", prefix="analytics/")
        return Consumer(
            ANALYTICS, partial(track, archive=archive), in_batches=True, parts=parts, clock=environment.clock
        )

    def send(self, *names, time=None):
        for name in names:
            message = a_message(idempotency_key=name, clock=self.aws.clock)
            self.queue.send(encode(structs.replace(message, time=time or message.time)))

    @property
    def states(self):
        return {item.state for item in self.ledger.items.values()}


@pytest.fixture
def run(aws):
    s3 = aws("s3")
    s3.create_bucket(Bucket="pages")
    with SimulatedAws() as simulated:
        yield Run(simulated, s3)


def sent_ids(run):
    return sorted(json.loads(body)["id"] for body in run.queue.bodies)


def unreachable():
    raise EndpointConnectionError(endpoint_url="https://s3")


def test_events_of_a_batch_window_are_one_object_at_its_end(run):
    started = run.aws.clock.now()
    for n in range(5):
        run.send(*(f"{n}-{each}" for each in range(4)))
        run.aws.run_for(SECOND)
    run.aws.run_until_idle()

    [(_, written_at)] = run.pages.written_at.items()
    assert len(run.pages.ids) == 20
    assert written_at - started == ANALYTICS.batch_window


def test_a_full_batch_does_not_wait_for_its_window(run):
    started = run.aws.clock.now()

    run.send(*(f"e{n}" for n in range(250)))
    run.aws.run_until_idle()

    waits = sorted(at - started for at in run.pages.written_at.values())
    assert waits == [timedelta(0), timedelta(0), ANALYTICS.batch_window]
    assert len(set(run.pages.ids)) == len(run.pages.ids) == 250
    assert run.states == {State.COMPLETED}


def test_while_the_bucket_does_not_answer_events_wait_and_no_attempt_is_counted(run):
    run.pages.before += [unreachable] * 5

    run.send(*(f"e{n}" for n in range(10)))
    run.aws.run_until_idle()

    assert len(set(run.pages.ids)) == len(run.pages.ids) == 10
    assert {(item.attempt, item.state) for item in run.ledger.items.values()} == {(1, State.COMPLETED)}


def test_an_event_that_no_line_can_hold_is_dead_and_its_neighbours_are_written(run):
    run.send("a")
    run.send("bad", time=datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=10))))
    run.send("b")
    run.aws.run_until_idle()

    assert len(run.pages.ids) == 2
    assert run.ledger.items["bad"].state is State.DEAD


def test_a_process_that_dies_before_its_object_is_written_loses_no_event(run):
    run.pages.before.append(lambda: run.environment.die())

    run.send(*(f"e{n}" for n in range(10)))
    run.aws.run_until_idle()

    assert len(set(run.pages.ids)) == len(run.pages.ids) == 10
    assert run.aws.invocations[0].ending is Ending.DIED
    assert {(item.crashes, item.state) for item in run.ledger.items.values()} == {(1, State.COMPLETED)}


def test_one_that_dies_after_it_repeats_lines_that_have_the_same_ids(run):
    run.pages.after.append(lambda: run.environment.die())

    run.send(*(f"e{n}" for n in range(10)))
    expected = sent_ids(run)
    run.aws.run_until_idle()

    assert sorted(set(run.pages.ids)) == expected
    assert len(run.pages.ids) == 20
    assert run.states == {State.COMPLETED}
