"""Telling of leases that were lost: one line each, unless a server that forgot everything takes thousands at once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from headworks.telemetry import Action

if TYPE_CHECKING:
    from collections.abc import Callable

    from headworks.telemetry import Log

MOST_A_SECOND = 20


class LostLeases:
    """Names so many messages a second, and says once that there are more."""

    def __init__(self, log: Log, queue: str, now: Callable[[], float] = time.monotonic) -> None:
        self._log = log
        self._queue = queue
        self._now = now
        self._second_ends = 0.0
        self._told = 0

    def tell(self, what: str, message_id: str) -> None:
        """This one's lease was lost."""
        now = self._now()
        if now >= self._second_ends:
            self._second_ends, self._told = now + 1, 0
        self._told += 1
        if self._told <= MOST_A_SECOND:
            self._log(Action.TROUBLE, what=what, queue=self._queue, message_id=message_id)
        elif self._told == MOST_A_SECOND + 1:
            more = f"more than {MOST_A_SECOND} leases were lost within a second: the others aren't named"
            self._log(Action.TROUBLE, what=more, queue=self._queue)
