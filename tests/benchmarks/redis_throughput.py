"""How fast messages go in and out of Redis, beside the raw limit of the same server in the same run.

    python -m tests.benchmarks.redis_throughput [--messages N] [--rounds N] [--server KIND] [--cluster]

With everything on: deduplication, leases fenced and kept alive, counters, marks.  Each round
measures each thing once, one after the other, and the median of the rounds counts: a
neighbour on the machine slows all of them alike.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import statistics
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from headworks.brokers.redis.acceptance import Acceptance, Offer
from headworks.brokers.redis.async_connection import AsyncConnection
from headworks.brokers.redis.connection import ANSWER_SECONDS, Connection
from headworks.brokers.redis.delivered import Finished
from headworks.brokers.redis.deliveries import Deliveries
from headworks.brokers.redis.keys import Keys
from headworks.brokers.redis.operation import command, packed
from headworks.clock import SystemClock
from headworks.message import new_message
from headworks.queue import Queue
from headworks.telemetry import PowertoolsLog
from headworks.worker import Worker
from headworks.working.parts import RedisParts
from tests.support.valkey import SERVERS, Server, ask, running

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headworks.brokers.redis.delivered import Received
    from headworks.message import Message

CONSUMER = "do_nothing"
PAYLOAD_BYTES = 150
PREFETCH = 500
BATCH = 1_000
LEASE = timedelta(seconds=30)
HEARTBEAT_SECONDS = 5.0


@dataclass(frozen=True)
class Stage:
    """What is measured, and on what."""

    server: Server
    messages: int

    def clear(self) -> None:
        ask(self.server.administrator, "FLUSHALL")

    def bodies(self) -> list[tuple[str, bytes]]:
        """Ids and CloudEvents of an ordinary size."""
        data = msgspec.json.encode({"n": 1, "text": "x" * PAYLOAD_BYTES})
        message = new_message(data, source="/benchmark", type="measured", clock=SystemClock())
        body = encode_message(message)
        return [(f"{message.id[:-8]}{n:08x}", body) for n in range(self.messages)]

    def offers(self, keys: int = 0) -> list[Offer]:
        return [
            Offer(id=i, key=f"k-{i}", body=body, ordering_key=f"o{n % keys}" if keys else None)
            for n, (i, body) in enumerate(self.bodies())
        ]


def encode_message(message) -> bytes:
    from headworks.message import encode

    return encode(message).encode()


def raw_xadd(stage: Stage) -> float:
    """Pipelined XADD of the same bodies, written by a client that has them packed already."""
    calls = [packed(("XADD", "{raw}", "*", "i", i, "m", body)) for i, body in stage.bodies()]
    chunks = [b"".join(calls[at : at + BATCH]) for at in range(0, len(calls), BATCH)]
    with Connection(stage.server.address) as connection:
        connection.run(_ask("PING"))
        [line] = connection._lines.values()
        started = time.perf_counter()
        for chunk, size in zip(chunks, [BATCH] * len(chunks), strict=True):
            line.ask(chunk, size, within=ANSWER_SECONDS)
        return stage.messages / (time.perf_counter() - started)


def enqueue(stage: Stage, *, keys: int = 0) -> float:
    """Batches of a thousand, two at a time on their way."""
    acceptance = _acceptance(keys)
    offers = stage.offers(keys)

    async def send() -> float:
        async with AsyncConnection(stage.server.address) as connection:
            await connection.run(_ask("PING"))
            batches = [offers[at : at + BATCH] for at in range(0, len(offers), BATCH)]
            started = time.perf_counter()
            running: list[asyncio.Task] = []
            for batch in batches:
                running.append(asyncio.create_task(connection.run(acceptance.enqueue(batch))))
                if len(running) > 2:
                    await running.pop(0)
                await asyncio.sleep(0)
            await asyncio.gather(*running)
            return stage.messages / (time.perf_counter() - started)

    return asyncio.run(send())


def drain(stage: Stage, *, keys: int = 0) -> float:
    """Fetch, run a handler that does nothing, settle: three stages at once, as a worker has them."""
    handled = 0

    async def handle(received: Received) -> None:
        nonlocal handled
        handled += 1

    async def work() -> float:
        deliveries = Deliveries(Keys("bench").of(CONSUMER), "worker", lease=LEASE, fifo=bool(keys))
        over = threading.Event()
        heartbeat = threading.Thread(target=_keep_alive, args=(stage.server, deliveries, over))
        heartbeat.start()
        async with (
            AsyncConnection(stage.server.address) as fetching,
            AsyncConnection(stage.server.address) as settling,
        ):
            started = time.perf_counter()
            coming = asyncio.create_task(fetching.run(deliveries.fetch(PREFETCH, block=0.5)))
            settled: list[asyncio.Task] = []
            while handled < stage.messages:
                fetched = await coming
                coming = asyncio.create_task(fetching.run(deliveries.fetch(PREFETCH, block=0.5)))
                verdicts = []
                for received in fetched.deliveries:
                    await handle(received)
                    verdicts.append(Finished(received))
                settled.append(asyncio.create_task(settling.run(deliveries.settle(verdicts))))
                if len(settled) > 2:
                    await settled.pop(0)
            await asyncio.gather(*settled)
            spent = time.perf_counter() - started
            over.set()
            await coming
        heartbeat.join()
        return stage.messages / spent

    speed = asyncio.run(work())
    with Connection(stage.server.address) as connection:
        assert connection.run(_ask("XLEN", Keys("bench").of(CONSUMER).stream)) == 0
    return speed


def work(stage: Stage, *, keys: int = 0) -> float:
    """The library's worker with a handler that does nothing, from its first message to its last."""
    times: list[float] = []
    handled = 0

    async def handle(message: Message[Any]) -> None:
        nonlocal handled
        handled += 1
        if handled in (1, stage.messages):
            times.append(time.perf_counter())
        if handled == stage.messages:
            worker.stop()

    log = PowertoolsLog("benchmark")
    logging.getLogger("benchmark").setLevel(logging.WARNING)
    parts = RedisParts(address=stage.server.address, log=log, counts=lambda *_: None, lease=LEASE)
    queue = Queue(name="bench", payload=dict, consumers=(CONSUMER,), fifo=bool(keys))
    worker = Worker(queue, handle, parts=parts)
    worker.run()
    assert ask(stage.server.administrator, "XLEN", Keys("bench").of(CONSUMER).stream) == 0
    return stage.messages / (times[1] - times[0])


def _keep_alive(server: Server, deliveries: Deliveries, over: threading.Event) -> None:
    with Connection(server.address) as connection:
        while not over.wait(HEARTBEAT_SECONDS):
            connection.run(deliveries.extend())


def _acceptance(keys: int) -> Acceptance:
    return Acceptance(Keys("bench"), [CONSUMER], window=timedelta(minutes=5), fifo=bool(keys))


def _ask(*arguments):
    return (yield command(*arguments))


def measure(stage: Stage, rounds: int) -> dict[str, list[float]]:
    """Each round: the raw limit, in and out, unordered and ordered."""
    steps: list[tuple[str, Callable[[], float]]] = [
        ("raw XADD, pipelined", lambda: raw_xadd(stage)),
        ("enqueue", lambda: enqueue(stage)),
        ("drain", lambda: drain(stage)),
        ("enqueue again", lambda: enqueue(stage)),
        ("drain, the whole worker", lambda: work(stage)),
    ]
    for keys in (1, 100, 10_000):
        steps.append((f"enqueue, {keys:,} ordering keys", lambda keys=keys: enqueue(stage, keys=keys)))
        steps.append((f"drain, {keys:,} ordering keys", lambda keys=keys: drain(stage, keys=keys)))
    speeds: dict[str, list[float]] = {name: [] for name, _ in steps}
    for _ in range(rounds):
        for name, step in steps:
            if "drain" not in name:
                stage.clear()
            speeds[name].append(step())
    return speeds


def report(speeds: dict[str, list[float]]) -> str:
    raw = statistics.median(speeds["raw XADD, pipelined"])
    lines = ["| | per second | of raw |", "|---|---|---|"]
    for name, values in speeds.items():
        median = statistics.median(values)
        lines.append(f"| {name} | {median:,.0f} | {median / raw:.0%} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--server", choices=SERVERS, default="valkey-9")
    parser.add_argument("--cluster", action="store_true", help="one node of a cluster, behind TLS")
    chosen = parser.parse_args(arguments)
    with (
        tempfile.TemporaryDirectory() as directory,
        running(chosen.server, Path(directory), clustered=chosen.cluster) as server,
    ):
        print(report(measure(Stage(server, chosen.messages), chosen.rounds)))


if __name__ == "__main__":
    main()
