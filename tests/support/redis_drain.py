"""A queue on a real Redis and its consumer on Lambda, which drains it."""

from __future__ import annotations

import time
from uuid import uuid4

from headworks.brokers.broker import NO_DELAY
from headworks.brokers.redis.broker import RedisSender
from headworks.brokers.redis.connection import Connection
from headworks.brokers.redis.deliveries import Deliveries
from headworks.brokers.redis.entrance import RedisEntrance
from headworks.brokers.redis.keys import GROUP, Keys
from headworks.brokers.redis.operation import command
from headworks.brokers.redis.upkeep import Upkeep
from headworks.consumer import Consumer
from headworks.draining import Stream
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

    def __init__(
        self,
        server,
        clock,
        log,
        handle,
        *,
        ledger=None,
        in_batches=False,
        paused=False,
        address=None,
        **declared,
    ):
        self.queue = a_queue(**{"transport": "redis", "timeout": SECOND, **declared})
        namespace, scripts = str(uuid4()), guarded_scripts()
        self.keys, self.scripts = Keys(self.queue.name, namespace), scripts
        self.connection = Connection(server.address)
        self.clock = clock
        self.ledger, self.sqs, self.counts = ledger or MemoryLedger(clock), MemoryBroker(), []
        own = ConsumerParts(
            broker=self.sqs,
            ledger=self.ledger,
            log=log,
            counts=lambda some, _: self.counts.append(dict(some)),
            version="7",
        )
        self.parts = RedisParts(
            address=address or server.address,
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
            stream=lambda: Stream(parts=self.parts, is_paused=lambda: paused),
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

    @property
    def of(self):
        """The keys of its only consumer."""
        return self.keys.of(*self.queue.consumers)

    def send(self, *keys, delay=NO_DELAY, **fields):
        outgoings = [
            Outgoing(data={"n": key}, type="counted", source="test", idempotency_key=key, **fields)
            for key in keys
        ]
        return self.producer.send_batch(outgoings, delay=delay)

    def drain(self, seconds=0.3):
        """Take messages for as long."""
        reserve = self.queue.batch_window + self.queue.function_timeout
        return self.consumer(DRAIN_EVENT, ForAWhile(reserve.total_seconds() + seconds))

    def take(self, most=10):
        """As a process that is about to die: what it is handed."""
        deliveries = Deliveries(
            self.of, f"dying-{uuid4()}", lease=30 * SECOND, fifo=self.queue.fifo, scripts=self.scripts
        )
        return self.connection.run(deliveries.fetch(most, idle=True)).deliveries

    def let_leases_run_out(self):
        """As if nobody had been heard of for a day."""
        self._ask("HSET", self.of.state, "looked_at", 0, "cursor", "-")
        for entry, owner, _, delivered in self._ask("XPENDING", self.of.stream, GROUP, "-", "+", 100):
            idle = ("IDLE", 10**8, "RETRYCOUNT", delivered, "JUSTID")
            self._ask("XCLAIM", self.of.stream, GROUP, owner, 0, entry, *idle)

    def let_waits_end(self):
        """As if everything that waits were due."""
        for message_id in self._ask("ZRANGE", self.of.due, 0, -1):
            self._ask("ZADD", self.of.due, "XX", 1, message_id)

    def figures(self):
        upkeep = Upkeep(self.keys, self.queue.consumers[0], key_of=bytes.decode, scripts=self.scripts)
        return self.connection.run(upkeep.figures())

    def pause(self):
        """As an operator does, on Redis."""
        upkeep = Upkeep(self.keys, self.queue.consumers[0], scripts=self.scripts)
        self.connection.run(upkeep.pause(at=self.clock.now(), by="ada"))

    def left(self):
        """What is on the queue: ready, being processed, waiting."""
        figures = self.figures()
        return (figures.ready, figures.pending, figures.due)

    def close(self):
        self.connection.close()

    def _ask(self, *arguments):
        return self.connection.run(_command(arguments))


def _command(arguments):
    return (yield command(*arguments))
