"""How long a run of a handler may take."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
# Told of a run whose time is used up.
GOES_ON = "a handler takes longer than its queue's timeout, and a thread can't be stopped: it goes on"


class Allowance:
    """The time of one run: what is left of it, and more where the handler asks.  For any thread."""

    __slots__ = ("_ends", "_now", "_timer", "is_used_up")

    def __init__(self, timeout: timedelta, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._ends = now() + timeout.total_seconds()
        self._timer: asyncio.TimerHandle | None = None
        self.is_used_up = False

    def remaining(self) -> timedelta:
        """What the run may still use."""
        return timedelta(seconds=max(self._ends - self._now(), 0))

    def extend(self, by: timedelta) -> None:
        """Let the run take so much longer than it might have.  Raises `ValueError` for less than nothing."""
        if by < timedelta(0):
            raise ValueError(f"a run can't be extended by {by}: what it was given it keeps")
        self._ends += by.total_seconds()

    def watch(self, loop: asyncio.AbstractEventLoop, when_used_up: Callable[[], object]) -> None:
        """Say so once it is used up."""
        left = self._ends - self._now()
        if left > 0:
            self._timer = loop.call_later(left, self.watch, loop, when_used_up)
            return
        self.is_used_up = True
        when_used_up()

    def stop_watching(self) -> None:
        """The run is over."""
        if self._timer is not None:
            self._timer.cancel()
