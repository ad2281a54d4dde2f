"""Keeping leases alive: on a thread and a connection of its own, whatever the handlers do."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING

from headworks.errors import Unavailable
from headworks.telemetry import Action

if TYPE_CHECKING:
    from collections.abc import Callable

    from headworks.telemetry import Log

# Two beats may fail before a lease runs out.
BEATS_A_LEASE = 4


class Heartbeat:
    """Calls `beat` a few times a lease, until it is stopped."""

    def __init__(
        self,
        beat: Callable[[], object],
        *,
        lease: timedelta,
        log: Log,
        queue: str,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._beat = beat
        self._lease_seconds = lease.total_seconds()
        self._log = log
        self._queue = queue
        self._now = now
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="heartbeat", daemon=True)
        self.last = now()

    @property
    def is_alive(self) -> bool:
        """Whether leases are kept alive."""
        return self._thread.is_alive() and self._now() - self.last < self._lease_seconds

    def start(self) -> None:
        """Begin."""
        self.last = self._now()
        self._thread.start()

    def stop(self) -> None:
        """End, once a beat under way has ended."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _go_on(self) -> None:
        is_told = False
        while not self._over.wait(self._lease_seconds / BEATS_A_LEASE):
            began = self._now()
            try:
                self._beat()
            except Unavailable as error:
                if not is_told:
                    what = "leases can't be kept alive; tried again until it works"
                    self._log(Action.TROUBLE, what=what, queue=self._queue, error_message=str(error))
                is_told = True
            except Exception as error:  # noqa: BLE001 - without a heartbeat everything would run twice
                self._log(Action.TROUBLE, what="a heartbeat failed", queue=self._queue, error=error)
            else:
                self.last = began
                is_told = False
