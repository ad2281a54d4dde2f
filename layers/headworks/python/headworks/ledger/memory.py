"""A ledger in memory: for tests, and for consumers that need no memory across processes."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from headworks.clock import SystemClock
from headworks.errors import Unavailable
from headworks.ledger.ledger import Lease

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from headworks.clock import Clock


class MemoryLedger:
    """Leases and completions in dictionaries; `down` makes every call fail."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.down = False
        self._clock = clock or SystemClock()
        self._leases: dict[str, datetime] = {}
        self._completed: set[str] = set()
        self._lock = Lock()

    def lease(self, key: str, *, ends: timedelta) -> Lease:
        self._check()
        now = self._clock.now()
        with self._lock:
            if key in self._completed:
                return Lease.COMPLETED
            if key in self._leases and self._leases[key] > now:
                return Lease.HELD_ELSEWHERE
            self._leases[key] = now + ends
            return Lease.GRANTED

    def complete(self, key: str) -> None:
        self._check()
        with self._lock:
            self._leases.pop(key, None)
            self._completed.add(key)

    def release(self, key: str) -> None:
        self._check()
        with self._lock:
            self._leases.pop(key, None)

    def _check(self) -> None:
        if self.down:
            raise Unavailable("the ledger", "down")
