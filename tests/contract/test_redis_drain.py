"""A consumer that is started by a schedule drains its queue's stream."""

from __future__ import annotations

import time
from datetime import timedelta
from uuid import uuid4

import pytest

from headworks.brokers.redis.broker import RedisSender
from headworks.brokers.redis.connection import Connection
from headworks.brokers.redis.entrance import RedisEntrance
from headworks.brokers.redis.keys import Keys
from headworks.brokers.redis.upkeep import Upkeep
from headworks.consumer import Consumer
from headworks.draining import Stream
from headworks.errors import Reject
from headworks.ledger.ledger import State
from headworks.ledger.memory import MemoryLedger
from headworks.producer import Outgoing, Producer
from headworks.testing.broker import MemoryBroker
from headworks.testing.events import FakeContext
from headworks.upkeep import DRAIN_EVENT
from headworks.wiring import ConsumerParts
from headworks.working.parts import RedisParts
from tests.support.declarations import SECOND, a_queue
from tests.support.guarded_scripts import guarded_scripts


class ForAWhile(FakeContext):
    """An invocation that has so many seconds left, by the real clock."""

    def __init__(self, seconds):
        super().__init__()
        self._ends = time.monotonic() + seconds

    def get_remaining_time_in_millis(self):
        return max(int((self._ends - time.monotonic()) * 1000), 0)


class Drained:
    """A queue on Redis, its way in and its consumer on Lambda."""

    def __init__(self, server, clock, log, handle, *, in_batches=False, paused=False, **declared):
        self.queue = a_queue(transport="redis", timeout=SECOND, **declared)
        namespace, scripts = str(uuid4()), guarded_scripts()
        self.keys, self.scripts = Keys(self.queue.name, namespace), scripts
        self.connection = Connection(server.address)
        self.ledger, self.sqs, self.counts = MemoryLedger(clock), MemoryBroker(), []
        own = ConsumerParts(
            broker=self.sqs,
            ledger=self.ledger,
            log=log,
            counts=lambda some, _: self.counts.append(dict(some)),
        )
        redis = RedisParts(
            address=server.address,
            log=log,
            counts=own.counts,
            namespace=namespace,
            lasting=self.ledger,
            scripts=scripts,
        )
        self.consumer = Consumer(
            self.queue,
            handle,
            in_batches=in_batches,
            parts=own,
            clock=clock,
            stream=lambda: Stream(parts=redis, is_paused=lambda: paused),
        )
        sender = RedisSender(self.queue, self.connection, self.keys, scripts=scripts, clock=clock)
        self.producer = Producer(
            self.queue,
            RedisEntrance(sender, graveyard=self.sqs),
            log=log,
            clock=clock,
            ledgers=[self.ledger],
            transport_waits=True,
        )

    def send(self, *keys, **options):
        outgoings = [
            Outgoing(data={"n": key}, type="counted", source="test", idempotency_key=key) for key in keys
        ]
        return self.producer.send_batch(outgoings, **options)

    def drain(self, seconds=0.3):
        """Take messages for as long."""
        reserve = self.queue.batch_window + self.queue.function_timeout
        return self.consumer(DRAIN_EVENT, ForAWhile(reserve.total_seconds() + seconds))

    def figures(self):
        upkeep = Upkeep(self.keys, self.queue.consumers[0], key_of=bytes.decode, scripts=self.scripts)
        return self.connection.run(upkeep.figures())


@pytest.fixture
def make(newest_server, clock, log):
    made = []

    def make(handle, **options):
        made.append(Drained(newest_server, clock, log, handle, **options))
        return made[-1]

    yield make
    for each in made:
        each.connection.close()


def _left(drained):
    figures = drained.figures()
    return (figures.ready, figures.pending, figures.due)


def test_what_was_sent_over_redis_is_run_by_a_drain_and_nothing_is_left(make):
    seen = []
    drained = make(lambda message: seen.append(message.data["n"]))
    drained.send("a", "b", "c")

    assert drained.drain() == {"batchItemFailures": []}
    assert sorted(seen) == ["a", "b", "c"]
    assert _left(drained) == (0, 0, 0)
    assert drained.ledger.items == {}


def test_an_equal_key_is_answered_with_the_first_ones_id_and_runs_once(make, clock):
    seen = []
    drained = make(lambda message: seen.append(message.id))

    [first] = drained.send("a")
    clock.advance(SECOND)
    [second] = drained.send("a")
    drained.drain()

    assert (first.duplicate, second.duplicate) == (False, True)
    assert second.message_id == first.message_id
    assert seen == [first.message_id]


def test_a_delay_of_a_week_is_spent_in_redis(make):
    drained = make(lambda _: None)

    [answer] = drained.send("a", delay=timedelta(days=7))

    assert not answer.duplicate
    assert _left(drained) == (0, 0, 1)
    assert drained.ledger.items == {}


def test_what_is_dead_is_in_the_ledger_and_gone_from_the_stream(make):
    def refuse(message):
        raise Reject("no")

    drained = make(refuse)
    drained.send("a")

    drained.drain()

    assert [item.state for item in drained.ledger.items.values()] == [State.DEAD]
    assert _left(drained) == (0, 0, 0)


def test_what_failed_waits_in_redis(make):
    def fail(message):
        raise RuntimeError("no")

    drained = make(fail)
    drained.send("a")

    drained.drain()

    assert _left(drained) == (0, 0, 1)
    assert drained.counts == [{"Retry": 1}]


def test_a_handler_of_batches_gets_what_came_within_the_window(make):
    pages = []
    drained = make(
        lambda messages: pages.append(sorted(each.data["n"] for each in messages)),
        in_batches=True,
        batch_size=10,
        batch_window=SECOND,
    )
    drained.send("a", "b")
    drained.send("c")

    drained.drain()

    assert pages == [["a", "b", "c"]]


def test_a_paused_consumer_takes_nothing(make):
    drained = make(pytest.fail, paused=True)
    drained.send("a")

    drained.drain()

    assert _left(drained) == (1, 0, 0)


def test_a_drain_without_time_for_another_batch_takes_nothing(make):
    drained = make(pytest.fail)
    drained.send("a")

    drained.drain(seconds=0)

    assert _left(drained) == (1, 0, 0)
