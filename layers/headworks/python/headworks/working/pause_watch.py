"""Whether a worker's consumer is paused: asked on a thread of its own, every few seconds."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from headworks.telemetry import Action

if TYPE_CHECKING:
    from collections.abc import Callable

    from headworks.telemetry import Log

ASKS_EVERY_SECONDS = 2.0


class PauseWatch:
    """The last answer counts: a record that can't be read pauses nobody, and ends no pause."""

    def __init__(
        self,
        ask: Callable[[], bool],
        *,
        log: Log,
        queue: str,
        asks_every: float = ASKS_EVERY_SECONDS,
    ) -> None:
        self._ask = ask
        self._log = log
        self._queue = queue
        self._asks_every = asks_every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="pauses", daemon=True)
        self._is_troubled = False
        self._is_paused = False

    def is_paused(self) -> bool:
        """Whether it is, as far as is known."""
        return self._is_paused

    def start(self) -> None:
        """Ask, and go on asking: a worker that is paused when it starts takes nothing at all."""
        self._look()
        self._thread.start()

    def stop(self) -> None:
        """Ask no more.  A question under way isn't waited for."""
        self._over.set()

    def _go_on(self) -> None:
        while not self._over.wait(self._asks_every):
            self._look()

    def _look(self) -> None:
        try:
            is_paused = self._ask()
        except Exception as error:  # noqa: BLE001 - whatever is the matter with the record, the worker goes on
            if not self._is_troubled:
                what = "nobody knows whether it is paused: it goes on as it was"
                self._log(Action.TROUBLE, what=what, queue=self._queue, error_message=str(error))
            self._is_troubled = True
            return
        self._is_troubled = False
        if is_paused != self._is_paused:
            self._is_paused = is_paused
            self._log(Action.PAUSED if is_paused else Action.RESUMED, queue=self._queue)
