"""The batch that runs an SQS queue's messages runs those of a Redis queue: same handlers, same outcomes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest

from headworks.batch import Batch, Workshop
from headworks.brokers.redis.broker import RedisBroker, delivery_of
from headworks.brokers.redis.connection import Connection
from headworks.brokers.redis.deliveries import Deliveries
from headworks.brokers.redis.entry_ledger import EntryLedger
from headworks.brokers.redis.keys import GROUP, Keys
from headworks.brokers.redis.operation import command
from headworks.call import Call
from headworks.errors import Reject
from headworks.ledger.ledger import State
from headworks.ledger.memory import MemoryLedger
from headworks.processing import Processing
from headworks.retry import RetryPolicy
from tests.support.declarations import SECOND, a_message, a_queue
from tests.support.guarded_scripts import guarded_scripts


class Consumer:
    """A consumer of one queue, whose deliveries run in batches."""

    def __init__(self, server, clock, log, handle, **declared):
        self.queue = a_queue(**declared)
        [name] = self.queue.consumers
        self.keys = Keys(self.queue.name, namespace=str(uuid4()))
        self.of = self.keys.of(name)
        self.lasting = MemoryLedger(clock)
        self.entries = EntryLedger(clock, lasting=self.lasting)
        self.connection = Connection(server.address)
        self.scripts = guarded_scripts()
        self.deliveries = self.process("one")
        self.broker = RedisBroker(
            self.queue,
            name,
            self.connection,
            self.keys,
            self.deliveries,
            log=log,
            entries=self.entries,
            scripts=self.scripts,
            clock=clock,
        )
        self.pool, self.clerks = ThreadPoolExecutor(4), ThreadPoolExecutor(2)
        call = Call(handle, timeout=self.queue.timeout)
        processing = Processing(
            self.queue, name, call, ledger=self.entries, claim_check=None, clock=clock, log=log
        )
        self.shop = Workshop(
            queue=self.queue,
            processing=processing,
            call=call,
            pool=self.pool,
            clerks=self.clerks,
            ledger=self.entries,
            broker=self.broker,
            log=log,
        )

    def process(self, name):
        return Deliveries(self.of, name, lease=30 * SECOND, fifo=self.queue.fifo, scripts=self.scripts)

    def run(self):
        """One batch of whatever is there; what became of each, by its name."""
        self.deliveries._tend_at = 0
        received = self.connection.run(self.deliveries.fetch(10, idle=True)).deliveries
        self.entries.take(received)
        result = Batch(self.shop, lambda: timedelta(minutes=5)).run([delivery_of(each) for each in received])
        return [type(each.outcome).__name__ for each in result.settled]

    def ask(self, *arguments):
        return self.connection.run(_ask(arguments))

    def let_waits_end(self):
        for message_id in self.ask("ZRANGE", self.of.due, 0, -1):
            self.ask("ZADD", self.of.due, "XX", 1, message_id)

    def let_leases_run_out(self, owner):
        for entry, _, _, count in self.ask("XPENDING", self.of.stream, GROUP, "-", "+", 100, owner):
            options = ("IDLE", 10**8, "RETRYCOUNT", count, "JUSTID")
            self.ask("XCLAIM", self.of.stream, GROUP, owner, 0, entry, *options)
        self.ask("HSET", self.of.state, "looked_at", 0)

    def close(self):
        self.pool.shutdown()
        self.clerks.shutdown()
        self.connection.close()


@pytest.fixture
def make_consumer(newest_server, clock, log):
    made = []

    def make(handle, **declared):
        made.append(Consumer(newest_server, clock, log, handle, **declared))
        return made[-1]

    yield make
    for each in made:
        each.close()


def _ask(arguments):
    return (yield command(*arguments))


def test_a_message_that_fails_is_tried_again_with_its_history_and_then_done(make_consumer):
    seen = []

    def handle(message, context):
        seen.append((context.attempt, [failure.error for failure in context.history]))
        if context.attempt < 3:
            raise ValueError(f"attempt {context.attempt}")

    consumer = make_consumer(handle)
    consumer.broker.send([a_message()])

    outcomes = []
    for _ in range(3):
        outcomes += consumer.run()
        consumer.let_waits_end()

    assert outcomes == ["Retry", "Retry", "Done"]
    assert seen == [(1, []), (2, ["attempt 1"]), (3, ["attempt 1", "attempt 2"])]
    assert consumer.deliveries.held == {}
    assert consumer.lasting.items == {}


def test_a_failure_in_an_entry_is_the_one_that_processing_wrote_down(make_consumer):
    failures = []

    def handle(message, context):
        failures.extend(context.history)
        raise ValueError("no")

    consumer = make_consumer(handle)
    consumer.broker.send([a_message()])
    consumer.run()
    consumer.let_waits_end()
    consumer.run()

    assert [(each.error_type, "in handle" in each.stack) for each in failures] == [("ValueError", True)]


def test_a_long_wait_is_spent_in_redis(make_consumer):
    def handle(message):
        raise ValueError("not for an hour")

    consumer = make_consumer(handle, retry=RetryPolicy(delays=(timedelta(hours=1),), jitter=0))
    consumer.broker.send([a_message()])

    assert consumer.run() == ["Retry"]
    assert consumer.ask("ZCARD", consumer.of.due) == 1
    assert consumer.lasting.items == {}


def test_what_is_dead_is_in_the_lasting_ledger_before_it_leaves_redis(make_consumer):
    def handle(message):
        raise Reject("a bad order")

    consumer = make_consumer(handle)
    consumer.broker.send([a_message(idempotency_key="k")])
    consumer.lasting.down = True
    assert consumer.run() == ["Defer"]
    consumer.let_waits_end()
    consumer.lasting.down = False

    assert consumer.run() == ["Dead"]

    assert consumer.lasting.items["k"].state is State.DEAD
    assert consumer.ask("XLEN", consumer.of.stream) == 0


def test_a_message_that_keeps_killing_is_dead_and_innocents_beside_it_are_done(make_consumer):
    done = []
    consumer = make_consumer(lambda message: done.append(message.idempotency_key), max_crashes=1)
    consumer.broker.send([a_message(idempotency_key=key) for key in ("poison", "innocent")])
    for n in range(4):
        # It took both the first time, and the poison alone after that.
        dying = consumer.process(f"dying{n}")
        consumer.connection.run(dying.fetch(10, idle=True))
        consumer.let_leases_run_out(f"dying{n}")

    outcomes = consumer.run() + consumer.run()

    assert outcomes == ["Dead", "Done"]
    assert done == ["innocent"]
    assert consumer.lasting.items["poison"].state is State.DEAD


def test_a_failure_on_fifo_lets_its_ordering_key_wait(make_consumer):
    ran = []

    def handle(message, context):
        ran.append((message.idempotency_key, context.attempt))
        if message.idempotency_key == "a1" and context.attempt == 1:
            raise ValueError("once")

    consumer = make_consumer(handle, fifo=True)
    consumer.broker.send(
        [a_message(idempotency_key=key, ordering_key=key[0]) for key in ("a1", "b1", "a2", "b2")]
    )
    for _ in range(3):
        consumer.run()
    assert sorted(ran) == [("a1", 1), ("b1", 1), ("b2", 1)]
    consumer.let_waits_end()
    for _ in range(2):
        consumer.run()

    assert ran[-2:] == [("a1", 2), ("a2", 1)]


def test_a_run_goes_through_a_batch_and_stops_at_its_first_failure(make_consumer):
    ran = []

    def handle(message, context):
        ran.append(message.idempotency_key)
        if message.idempotency_key == "a2" and context.attempt == 1:
            raise ValueError("once")

    consumer = make_consumer(handle, fifo=True)
    consumer.broker.send([a_message(idempotency_key=f"a{n}", ordering_key="a") for n in range(5)])
    for _ in range(3):
        consumer.run()
    assert ran == ["a0", "a1", "a2"]
    consumer.let_waits_end()
    for _ in range(3):
        consumer.run()

    assert ran == ["a0", "a1", "a2", "a2", "a3", "a4"]
