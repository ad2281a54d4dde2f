"""What is going to happen, and when."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from threading import RLock

    from headworks.testing.clock import MovingClock


@dataclass(slots=True, eq=False)
class Entry:
    """One thing that is going to happen, unless it has or was cancelled."""

    due: datetime
    action: Callable[[], None]
    waited_for: bool
    is_open: bool = True


class Agenda:
    """Things by their time; what is due at the same moment happens in the order in which it was planned.

    Safe to plan on from several threads; one thread at a time lets things happen.
    """

    def __init__(self, clock: MovingClock, lock: RLock) -> None:
        self._clock = clock
        self._lock = lock
        self._places = count()
        self._entries: list[tuple[datetime, int, Entry]] = []
        self._waited_for = 0

    @property
    def is_idle(self) -> bool:
        """Nothing is planned, but for what comes round for ever."""
        return self._waited_for == 0

    @property
    def next_due(self) -> datetime | None:
        """When something happens next."""
        with self._lock:
            self._drop_closed()
            return self._entries[0][0] if self._entries else None

    def plan(self, due: datetime, action: Callable[[], None], *, waited_for: bool = True) -> Entry:
        """Have something happen; what is due already happens next, not at once.

        `waited_for=False` is for what comes round for ever: nobody waits for its end.
        """
        with self._lock:
            entry = Entry(max(due, self._clock.now()), action, waited_for)
            heapq.heappush(self._entries, (entry.due, next(self._places), entry))
            self._waited_for += waited_for
            return entry

    def cancel(self, entry: Entry) -> None:
        """Have it not happen; harmless if it did."""
        with self._lock:
            if entry.is_open:
                entry.is_open = False
                self._waited_for -= entry.waited_for

    def happen(self) -> bool:
        """Move the clock to the next thing and let it happen; false if there is none."""
        with self._lock:
            self._drop_closed()
            if not self._entries:
                return False
            _, _, entry = heapq.heappop(self._entries)
            self.cancel(entry)
        self._clock.set(entry.due)
        entry.action()
        return True

    def _drop_closed(self) -> None:
        while self._entries and not self._entries[0][2].is_open:
            heapq.heappop(self._entries)
