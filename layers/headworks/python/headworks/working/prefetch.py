"""How many messages to fetch at once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LARGEST = 500
# What is fetched should be started within this.
STARTED_WITHIN_SECONDS = 0.1


class Prefetch:
    """Given, or as many as handlers show that they start soon.

    Fetched early, a message is at hand when a handler is free; too early, it waits here while
    another process has nothing to do.
    """

    def __init__(
        self, given: int | None, *, concurrency: int, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._is_given = given is not None
        self._least = max(concurrency, 1)
        self._now = now
        self._wanted_at = now()
        self._came_at = now()
        self._waited = 0.0
        self.size = given if given is not None else 2 * self._least

    def room_wanted(self) -> None:
        """The next fetch could begin, if there were room."""
        self._wanted_at = self._now()

    def room_found(self) -> None:
        """It begins."""
        self._waited = self._now() - self._wanted_at

    def came(self, number: int) -> None:
        """So many came."""
        now = self._now()
        is_quick = now - self._came_at < STARTED_WITHIN_SECONDS / 2
        self._came_at = now
        if self._is_given:
            return
        if self._waited > STARTED_WITHIN_SECONDS:
            self.size = max(self.size // 2, self._least)
        elif is_quick and number >= self.size:
            self.size = min(2 * self.size, LARGEST)
