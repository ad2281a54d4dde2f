"""Counting what a worker's runs come to."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from headworks.telemetry import MOST_VALUES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from headworks.telemetry import Counts

PUBLISH_EVERY_SECONDS = 10.0


class Tally:
    """Outcomes and durations, published together every ten seconds.  For one thread."""

    def __init__(self, counts: Counts, now: Callable[[], float] = time.monotonic) -> None:
        self._counts = counts
        self._now = now
        self._publish_at = now() + PUBLISH_EVERY_SECONDS
        self._outcomes: Counter[str] = Counter()
        self._durations_ms: list[float] = []

    def add(self, outcomes: Mapping[str, int], durations_ms: Sequence[float]) -> None:
        """Count some."""
        self._outcomes.update(outcomes)
        if len(self._durations_ms) < MOST_VALUES:
            self._durations_ms += durations_ms

    def add_one(self, outcome: str, duration_ms: float) -> None:
        """Count one."""
        self._outcomes[outcome] += 1
        if len(self._durations_ms) < MOST_VALUES:
            self._durations_ms.append(duration_ms)

    def publish(self, *, at_once: bool = False) -> None:
        """Tell what was counted, if it is time."""
        if not self._outcomes or (not at_once and self._now() < self._publish_at):
            return
        self._publish_at = self._now() + PUBLISH_EVERY_SECONDS
        outcomes, self._outcomes = self._outcomes, Counter()
        durations_ms, self._durations_ms = self._durations_ms, []
        self._counts(outcomes, durations_ms)
