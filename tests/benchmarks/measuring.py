"""Rounds of measurements in which the contestants take turns, so that a noisy neighbour disturbs all of them."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from headworks.testing.events import FakeContext

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.contestants import Contestant

WARM_UPS = 3


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Medians of one contestant: of a batch's wall time, and of the process' CPU time a record."""

    name: str
    records: int
    batch_ms: float
    cpu_us_a_record: float
    calls: dict[str, int]


def measure(contestants: Sequence[Contestant], rounds: int) -> list[Figures]:
    """Every contestant's figures, in the order of the input."""
    taken: list[list[tuple[float, float]]] = [[] for _ in contestants]
    for _ in range(min(WARM_UPS, rounds)):
        for contestant in contestants:
            _run(contestant)
    for _ in range(rounds):
        for of_one, contestant in zip(taken, contestants, strict=True):
            of_one.append(_run(contestant))
    return [
        Figures(
            name=each.name,
            records=each.records,
            batch_ms=median(wall for wall, _ in of_one) * 1e3,
            cpu_us_a_record=median(cpu for _, cpu in of_one) / each.records * 1e6,
            calls=_calls(each),
        )
        for each, of_one in zip(contestants, taken, strict=True)
    ]


def _run(contestant: Contestant) -> tuple[float, float]:
    """Seconds of wall time and of CPU time, all threads together, that one batch takes."""
    batch, context = contestant.batch(), FakeContext()
    wall, cpu = time.perf_counter(), time.process_time()
    answer = contestant.handler(batch, context)
    taken = time.perf_counter() - wall, time.process_time() - cpu
    assert answer == {"batchItemFailures": []}, answer
    return taken


def _calls(contestant: Contestant) -> dict[str, int]:
    """What one batch asks of DynamoDB, by operation."""
    calls: Counter[str] = Counter()

    def count(model: Any, **_: Any) -> None:
        calls[model.name] += 1

    contestant.dynamodb.meta.events.register("before-call.dynamodb", count)
    try:
        _run(contestant)
    finally:
        contestant.dynamodb.meta.events.unregister("before-call.dynamodb", count)
    return dict(calls)
