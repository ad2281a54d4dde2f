"""This project's queue: deduplication, fenced leases that are kept alive, history, marks, counters, all of it on.

What goes in is made into a message and encoded as it is sent, and what comes out is decoded, as it is with the others.
"""

from __future__ import annotations

import asyncio
import os
import ssl
import sys
import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import measured
import msgspec

from headworks.brokers.redis.acceptance import Acceptance, Offer
from headworks.brokers.redis.address import address_of
from headworks.brokers.redis.async_connection import AsyncConnection
from headworks.brokers.redis.coalescing import Coalescing
from headworks.brokers.redis.connection import Connection
from headworks.brokers.redis.delivered import Finished
from headworks.brokers.redis.deliveries import Deliveries
from headworks.brokers.redis.keys import Keys
from headworks.clock import SystemClock
from headworks.message import Carrier, decode, encode, new_message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headworks.brokers.redis.delivered import Fetched, Received

CERTIFICATE = os.environ.get("BENCH_CERTIFICATE")
TLS = ssl.create_default_context(cafile=CERTIFICATE) if CERTIFICATE else None
ADDRESS = address_of(measured.URL, tls=TLS)
ORDERING_KEYS = int(os.environ.get("BENCH_ORDERING_KEYS") or 0)
KEYS = Keys("bench")
PREFETCH = 500
LEASE = timedelta(seconds=30)
HEARTBEAT_SECONDS = 5.0
WINDOW = timedelta(minutes=5)

acceptance = Acceptance(KEYS, ["handle"], window=WINDOW, fifo=bool(ORDERING_KEYS))
clock = SystemClock()
tally = measured.Tally()


class Payload(msgspec.Struct):
    """What travels."""

    number: int
    text: str
    sent: float


def offer(payload: measured.Payload) -> Offer:
    """A message as a producer makes it."""
    number, text, sent = payload
    ordering_key = f"o{number % ORDERING_KEYS}" if ORDERING_KEYS else None
    data = msgspec.json.encode(Payload(number, text, sent))
    message = new_message(
        data,
        source="/benchmark",
        type="measured",
        clock=clock,
        queue="bench",
        idempotency_key=f"k-{number}-{sent}",
        ordering_key=ordering_key,
    )
    return Offer(
        id=message.id, key=message.idempotency_key, body=encode(message), ordering_key=message.ordering_key
    )


async def single() -> None:
    """A producer that blocks, as a web handler or a Lambda function has it."""
    with Connection(ADDRESS) as connection:

        async def send(payload: measured.Payload) -> None:
            connection.run(acceptance.enqueue([offer(payload)]))

        await measured.one_by_one(send)


async def together() -> None:
    """Sends of many tasks share calls."""
    async with AsyncConnection(ADDRESS) as connection:
        coalescing = Coalescing(acceptance, connection)
        await measured.together(lambda payload: coalescing.send(offer(payload)))


async def batch() -> None:
    async with AsyncConnection(ADDRESS) as connection:

        async def send(payloads: Sequence[measured.Payload]) -> None:
            await connection.run(acceptance.enqueue([offer(payload) for payload in payloads]))

        await measured.in_batches(send, measured.payloads())


async def ready() -> None:
    """Batches of messages that were made before, as by who hands on what came in."""
    async with AsyncConnection(ADDRESS) as connection:
        offers = [offer(payload) for payload in measured.payloads()]
        await measured.in_batches(lambda some: connection.run(acceptance.enqueue(some)), offers)


async def paced() -> None:
    async with AsyncConnection(ADDRESS) as connection:
        coalescing = Coalescing(acceptance, connection)
        await measured.paced(lambda payload: coalescing.send(offer(payload)))


async def handle(received: Received) -> None:
    carrier = Carrier(queue="bench", id=received.message_id, sent_at=received.sent_at)
    message = decode(received.body.decode(), carrier=carrier)
    tally.take(msgspec.json.decode(message.data, type=Payload).sent)


async def worker() -> None:
    """Fetch, handle, settle: three stages at once, and leases kept alive beside them."""
    deliveries = Deliveries(KEYS.of("handle"), "worker", lease=LEASE, fifo=bool(ORDERING_KEYS))
    threading.Thread(target=_keep_alive, args=(deliveries,), daemon=True).start()
    async with AsyncConnection(ADDRESS) as fetching, AsyncConnection(ADDRESS) as settling:

        def fetch() -> asyncio.Task[Fetched]:
            return asyncio.create_task(fetching.run(deliveries.fetch(PREFETCH, block=0.5)))

        coming = fetch()
        settled: list[asyncio.Task[frozenset[bytes]]] = []
        while True:
            fetched = await coming
            coming = fetch()
            for received in fetched.deliveries:
                await handle(received)
            verdicts = [Finished(received) for received in fetched.deliveries]
            settled.append(asyncio.create_task(settling.run(deliveries.settle(verdicts))))
            if len(settled) > 2:
                await settled.pop(0)


def _keep_alive(deliveries: Deliveries) -> None:
    with Connection(ADDRESS) as connection:
        while not threading.Event().wait(HEARTBEAT_SECONDS):
            connection.run(deliveries.extend())


if __name__ == "__main__":
    roles = {
        "single": single,
        "together": together,
        "batch": batch,
        "ready": ready,
        "paced": paced,
        "worker": worker,
    }
    asyncio.run(roles[sys.argv[1]]())
