"""This project's queue: deduplication, fenced leases that are kept alive, history, marks, counters, all of it on.

What goes in is made into a message and encoded as it is sent, and what comes out is decoded, as it is with the others.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

import measured
import msgspec

from headworks.brokers.redis.acceptance import Acceptance, offer_of
from headworks.brokers.redis.address import address_of
from headworks.brokers.redis.async_connection import AsyncConnection
from headworks.brokers.redis.async_producer import AsyncProducer
from headworks.brokers.redis.broker import RedisSender
from headworks.brokers.redis.connection import Connection
from headworks.brokers.redis.keys import Keys
from headworks.clock import SystemClock
from headworks.producer import Outgoing, Producer, message_of
from headworks.queue import Queue
from headworks.telemetry import PowertoolsLog, powertools_counts
from headworks.worker import Worker
from headworks.working.parts import RedisParts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headworks.message import Message

CERTIFICATE = os.environ.get("BENCH_CERTIFICATE")
TLS = ssl.create_default_context(cafile=CERTIFICATE) if CERTIFICATE else None
ADDRESS = address_of(measured.URL, tls=TLS)
ORDERING_KEYS = int(os.environ.get("BENCH_ORDERING_KEYS") or 0)
WINDOW = timedelta(seconds=float(os.environ.get("BENCH_WINDOW") or 86_400))
CONCURRENCY = 100
PROCESS = os.getpid()
tally = measured.Tally()


class Payload(msgspec.Struct):
    """What travels."""

    number: int
    text: str
    sent: float


QUEUE = Queue(
    name="bench",
    payload=Payload,
    consumers=("handle_event",),
    fifo=bool(ORDERING_KEYS),
    deduplication_window=WINDOW,
)
KEYS = Keys(QUEUE.name)
LOG = PowertoolsLog("producer")


def outgoing(payload: measured.Payload) -> Outgoing:
    """What a producer is given."""
    number, text, sent = payload
    return Outgoing(
        data=Payload(number, text, sent),
        source="/benchmark",
        type="measured",
        idempotency_key=f"{PROCESS}-{number}",
        ordering_key=f"o{number % ORDERING_KEYS}" if ORDERING_KEYS else None,
    )


async def single() -> None:
    """A producer that blocks, as a web handler or a Lambda function has it."""
    with Connection(ADDRESS) as connection:
        producer = Producer(QUEUE, RedisSender(QUEUE, connection, KEYS), log=LOG, transport_waits=True)

        async def send(payload: measured.Payload) -> None:
            producer.send(outgoing(payload))

        await measured.one_by_one(send)


async def together() -> None:
    """Sends of many tasks share calls."""
    async with AsyncConnection(ADDRESS) as connection:
        producer = AsyncProducer(QUEUE, connection, log=LOG)
        await measured.together(lambda payload: producer.send(outgoing(payload)))


async def batch() -> None:
    async with AsyncConnection(ADDRESS) as connection:
        producer = AsyncProducer(QUEUE, connection, log=LOG)

        async def send(payloads: Sequence[measured.Payload]) -> None:
            await producer.send_batch([outgoing(payload) for payload in payloads])

        await measured.in_batches(send, measured.payloads())


async def ready() -> None:
    """Batches of messages that were made before, as by who hands on what came in."""
    acceptance = Acceptance.of_queue(QUEUE, KEYS)
    async with AsyncConnection(ADDRESS) as connection:
        made = [message_of(QUEUE, outgoing(each), clock=SystemClock())[0] for each in measured.payloads()]
        offers = [offer_of(QUEUE, message) for message in made]
        await measured.in_batches(lambda some: connection.run(acceptance.enqueue(some)), offers)


async def paced() -> None:
    async with AsyncConnection(ADDRESS) as connection:
        producer = AsyncProducer(QUEUE, connection, log=LOG)
        await measured.paced(lambda payload: producer.send(outgoing(payload)))


async def handle(message: Message[Payload]) -> None:
    tally.take(message.data.sent)


def worker() -> None:
    """The library's worker, which says on its log what goes wrong: a line for each message is nobody else's either."""
    [consumer] = QUEUE.consumers
    parts = RedisParts(
        address=ADDRESS, log=PowertoolsLog(consumer), counts=powertools_counts(QUEUE.name, consumer)
    )
    Worker(QUEUE, handle, parts=parts, concurrency=CONCURRENCY).run()


if __name__ == "__main__":
    roles = {
        "single": single,
        "together": together,
        "batch": batch,
        "ready": ready,
        "paced": paced,
    }
    if sys.argv[1] == "worker":
        worker()
    else:
        asyncio.run(roles[sys.argv[1]]())
