"""Polling SQS on a thread of its own, whatever the handlers do."""

from __future__ import annotations

import threading
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING

from headworks.errors import Unavailable
from headworks.telemetry import Action

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from headworks.brokers.broker import Delivery
    from headworks.brokers.sqs_receiving import SqsReceiver
    from headworks.telemetry import Log

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0


class Polling:
    """One poll at a time, each asked for; `came` is told what it brought, and when it had begun."""

    def __init__(
        self,
        receiver: SqsReceiver,
        *,
        poll: timedelta,
        hidden_for: timedelta,
        queue: str,
        log: Log,
        came: Callable[[Sequence[Delivery], float], object],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._receiver = receiver
        self._poll = poll
        self._hidden_for = hidden_for
        self._queue = queue
        self._log = log
        self._came = came
        self._now = now
        self._asked: SimpleQueue[int] = SimpleQueue()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="polling", daemon=True)
        self.is_under_way = False
        self.began = 0.0
        self.last = time.monotonic()

    def start(self) -> None:
        """Be ready."""
        self._thread.start()

    def ask(self, most: int) -> None:
        """Poll for up to so many."""
        self.is_under_way = True
        self.began = time.monotonic()
        self._asked.put(most)

    def stop(self) -> None:
        """Begin no poll any more; one under way comes to its end."""
        self._over.set()
        self._asked.put(0)

    def _go_on(self) -> None:
        while not self._over.is_set():
            most = self._asked.get()
            deliveries, began = self._receive(most) if most else ([], 0.0)
            self._came(deliveries, began)

    def _receive(self, most: int) -> tuple[Sequence[Delivery], float]:
        """What there is; nothing where SQS can't be asked and the end comes before it can."""
        pause, is_told = FIRST_PAUSE_SECONDS, False
        while not self._over.is_set():
            began = self._now()
            try:
                deliveries = self._receiver.receive(most, poll=self._poll, hidden_for=self._hidden_for)
            except Exception as error:  # noqa: BLE001 - a worker goes on, whatever is the matter
                if not is_told:
                    self._trouble(error)
                is_told = True
                self._over.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            else:
                self.last = time.monotonic()
                return deliveries, began
        return [], 0.0

    def _trouble(self, error: Exception) -> None:
        what = "nothing can be received; tried again until it works"
        if isinstance(error, Unavailable):
            self._log(Action.TROUBLE, what=what, queue=self._queue, error_message=str(error))
        else:
            self._log(Action.TROUBLE, what=what, queue=self._queue, error=error)
