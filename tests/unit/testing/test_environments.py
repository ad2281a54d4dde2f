"""Execution environments whose handlers have threads of their own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from headworks.brokers.sqs import SqsBroker
from headworks.consumer import Consumer
from headworks.ledger.memory import MemoryLedger
from headworks.retry import RetryPolicy
from headworks.testing import Ending, Killed, Quirks, SimulatedAws
from headworks.testing.clock import NEW_YEAR
from headworks.testing.log import RecordingLog
from headworks.wiring import ConsumerParts
from tests.support.declarations import SECOND, a_message, a_queue


@pytest.fixture
def aws():
    with SimulatedAws() as world:
        yield world


def seconds(aws):
    return (aws.clock.now() - NEW_YEAR).total_seconds()


def in_a_thread(work):
    """A handler that has one thread of its own for each record, and an answer for each."""

    def start(environment):
        pool = ThreadPoolExecutor(10)

        def handler(event, _context):
            return list(pool.map(lambda record: work(environment, record), event["Records"]))

        return handler

    return start


def consume(aws, start, *bodies, timeout=20, **mapping):
    queue = aws.queue("q", visibility_timeout=max(30, timeout) * SECOND)
    for body in bodies:
        queue.send(body)
    aws.map(queue, aws.function(start=start, timeout=timeout * SECOND), **mapping)
    return queue


def test_what_happens_meanwhile_is_seen_from_a_thread_too(aws):
    seen = []

    def work(environment, record):
        for _ in range(3):
            seen.append((record["body"], seconds(aws)))
            environment.clock.advance((1 if record["body"] == "fast" else 2) * SECOND)

    consume(aws, in_a_thread(work), "fast", "slow", batch_size=1)
    aws.run_until_idle()

    assert seen == [("fast", 0), ("slow", 0), ("fast", 1), ("slow", 2), ("fast", 2), ("slow", 4)]


def test_threads_of_one_environment_wait_for_each_other(aws):
    def work(environment, _record):
        for _ in range(20):
            environment.clock.advance(SECOND)
            moments.append(seconds(aws))

    moments = []
    consume(aws, in_a_thread(work), *"abcde", timeout=120)

    assert aws.run_until_idle() == 100 * SECOND
    assert len(moments) == 100


def test_a_call_of_a_thread_comes_in_its_environments_turn(aws):
    queue = aws.queue("other")

    def work(environment, record):
        environment.clock.advance(int(record["body"]) * SECOND)
        environment.client.send_message(QueueUrl=queue.url, MessageBody=record["body"])

    consume(aws, in_a_thread(work), "3", "1", "2", batch_size=1)
    aws.run_until_idle()

    assert queue.bodies == ["1", "2", "3"]
    assert [(message.sent_at - NEW_YEAR) / SECOND for message in queue.messages] == [1, 2, 3]


def test_a_thread_is_killed_at_the_timeout(aws):
    reached = []

    def work(environment, _record):
        environment.clock.advance(9 * SECOND)
        reached.append("before")
        environment.clock.advance(2 * SECOND)
        reached.append("after")

    queue = consume(aws, in_a_thread(work), "a", timeout=10)
    aws.run_for(11 * SECOND)

    assert reached == ["before"]
    assert [each.ending for each in aws.invocations] == [Ending.TIMED_OUT]
    assert queue.in_flight == 1


def test_a_death_in_any_thread_is_the_end_of_the_process(aws):
    later = []
    other = aws.queue("other")

    def start(environment):
        pool = ThreadPoolExecutor(1)
        tries = (
            environment.die,
            environment.check,
            lambda: environment.clock.advance(SECOND),
            lambda: environment.client.send_message(QueueUrl=other.url, MessageBody="late"),
        )

        def handler(_event, _context):
            later.extend(type(pool.submit(attempt).exception()) for attempt in tries)
            return {"batchItemFailures": []}

        return handler

    queue = consume(aws, start, "a", report_batch_item_failures=True)
    aws.run_for(SECOND)

    assert later == [Killed] * 4
    assert other.messages == []
    assert [each.ending for each in aws.invocations] == [Ending.DIED]
    assert queue.in_flight == 1


def test_a_thread_that_outlives_its_invocation_ends(aws):
    ended = []

    def start(environment):
        return lambda *_: environments.append(environment)

    def late(environment):
        try:
            environment.check()
        except Killed:
            ended.append("here")

    environments = []
    consume(aws, start, "a")
    aws.run_until_idle()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(late, *environments).result()

    assert ended == ["here"]


def test_an_environment_needs_a_world_that_will_be_closed():
    with pytest.raises(RuntimeError, match="with"):
        SimulatedAws().function(start=lambda _: print)


def pipeline(aws, declaration, handle, *, quirks=None):
    """Headworks' own consumer, one in each environment, over one ledger."""
    queue, ledger, logs = aws.queue_for(declaration, quirks=quirks), MemoryLedger(aws.clock), []

    def start(environment):
        logs.append(RecordingLog())
        broker = SqsBroker(
            declaration,
            environment.client,
            url=queue.url,
            dead_letter_url=queue.dead_letter_queue.url,
            log=logs[-1],
        )
        parts = ConsumerParts(broker=broker, ledger=ledger, log=logs[-1], counts=lambda *_: None)
        return Consumer(
            declaration,
            lambda message: handle(environment, message),
            parts=parts,
            clock=environment.clock,
        )

    aws.map_for(declaration, start=start)
    broker = SqsBroker(
        declaration,
        aws.client,
        url=queue.url,
        dead_letter_url=queue.dead_letter_queue.url,
        log=RecordingLog(),
    )
    return queue, broker, logs


def test_copies_of_a_message_at_the_same_time_are_one_effect(aws):
    effects = []

    def handle(environment, message):
        environment.clock.advance(10 * SECOND)
        effects.append(message.idempotency_key)

    declaration = a_queue(batch_size=1, max_concurrency=20)
    queue, broker, logs = pipeline(aws, declaration, handle)
    broker.send([a_message(idempotency_key="same") for _ in range(16)])
    aws.run_until_idle()

    assert effects == ["same"]
    assert queue.messages == []
    told = [action for log in logs for action in log.actions]
    assert told.count("deferred") >= 15  # they met the lease while its owner ran


def test_a_message_that_is_delivered_twice_at_once_is_one_effect(aws):
    effects = []

    def handle(environment, message):
        environment.clock.advance(5 * SECOND)
        effects.append(message.idempotency_key)

    declaration = a_queue(batch_size=1)
    queue, broker, _ = pipeline(aws, declaration, handle, quirks=Quirks(duplicate=0.5))
    broker.send([a_message(idempotency_key=str(index)) for index in range(30)])
    aws.run_until_idle()

    assert sorted(effects, key=int) == [str(index) for index in range(30)]
    assert queue.messages == []


def test_a_consumer_that_dies_in_its_handler_gets_the_message_again(aws):
    runs = []

    def handle(environment, message):
        runs.append(seconds(aws))
        if len(runs) == 1:
            environment.die()

    declaration = a_queue(retry=RetryPolicy(delays=(SECOND,), jitter=0))
    queue, broker, _ = pipeline(aws, declaration, handle)
    broker.send([a_message(idempotency_key="m")])
    aws.run_until_idle(timedelta(days=1))

    assert aws.invocations[0].ending is Ending.DIED
    assert runs == [0, declaration.visibility_timeout.total_seconds()]
    assert queue.messages == []
