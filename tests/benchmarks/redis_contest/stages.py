"""What is measured of a contestant, one thing after the other on an empty server."""

from __future__ import annotations

from statistics import quantiles
from typing import TYPE_CHECKING

from headworks.brokers.redis.keys import Keys
from tests.benchmarks.redis_contest.contestants import OURS
from tests.benchmarks.redis_contest.playing import Failed
from tests.support.patience import until
from tests.support.valkey import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.redis_contest.playing import Seat

RATE = 200
TIMED_SECONDS = 3
ORDERING_KEYS = (1, 100, 10_000)

Measured = tuple[str, float]


def measure(seat: Seat, *, scale: float = 1.0) -> Iterator[Measured]:
    """Names and figures of everything that this contestant can do.  Raises `Failed`."""
    singles = max(int(seat.contestant.singles * scale), 10)
    messages = max(int(seat.contestant.messages * scale), 10)
    for way in ("single", "together", "ready"):
        if way in seat.contestant.sends:
            seat.clear()
            yield way, seat.send(way, singles if way == "single" else messages)
    yield from _in_and_out(seat, messages)
    yield from _timed(seat, max(int(RATE * TIMED_SECONDS * min(scale, 1.0)), 10))
    if seat.contestant.name == OURS:
        for keys in ORDERING_KEYS:
            yield from _ordered(seat, messages, keys)


def _in_and_out(seat: Seat, messages: int) -> Iterator[Measured]:
    """Fill it the fastest way that it has, weigh it, and empty it with a handler that does nothing."""
    seat.clear()
    before = seat.used_bytes()
    way = next(each for each in ("batch", "together", "single") if each in seat.contestant.sends)
    speed = seat.send(way, messages)
    if way == "batch":
        yield "batch", speed
    yield "bytes", (seat.used_bytes() - before) / messages
    with seat.worker(messages) as worker:
        yield "drain", worker.until_it_is_done()["per_second"]
        until_nothing_is_left(seat)


def until_nothing_is_left(seat: Seat) -> None:
    """Ours leaves nothing behind: what isn't settled in the end was no drain.  Raises `Failed`."""
    if seat.contestant.name != OURS:
        return
    stream = Keys("bench").of("handle_event").stream
    try:
        until(lambda: ask(seat.server.administrator, "XLEN", stream) == 0, what="the stream is empty")
    except AssertionError as error:
        raise Failed(f"{seat.contestant.name}: {error}") from error


def _timed(seat: Seat, messages: int) -> Iterator[Measured]:
    """So many a second, and how long each was on its way to its handler; the first finds the worker ready."""
    seat.clear()
    with seat.worker(messages + 1, timed=1) as worker:
        seat.send("single", 1)
        worker.until_it_began()
        seat.send("paced", messages, rate=RATE)
        waits = worker.until_it_is_done()["waits"][1:]
    percentiles = quantiles(waits, n=100)
    yield "p50", percentiles[49] * 1e3
    yield "p99", percentiles[98] * 1e3


def of_keys(keys: int) -> str:
    """How a number of ordering keys is spoken of."""
    return "1 key" if keys == 1 else f"{keys:,} keys"


def _ordered(seat: Seat, messages: int, keys: int) -> Iterator[Measured]:
    seat.clear()
    yield f"batch, {of_keys(keys)}", seat.send("batch", messages, ordering_keys=keys)
    with seat.worker(messages, ordering_keys=keys) as worker:
        yield f"drain, {of_keys(keys)}", worker.until_it_is_done()["per_second"]
        until_nothing_is_left(seat)
