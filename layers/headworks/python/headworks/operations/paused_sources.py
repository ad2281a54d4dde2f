"""Whether a source is paused, as the edge asks for each of its events."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING

from headworks.clock import SystemClock
from headworks.errors import Unavailable
from headworks.operations.flags import of_source
from headworks.telemetry import Action

if TYPE_CHECKING:
    from datetime import datetime

    from headworks.clock import Clock
    from headworks.operations.flags import Flags
    from headworks.telemetry import Log
    from headworks.webhooks.sources import Source

# How long an answer is believed; a pause or its end takes so long to arrive.
FRESH_FOR = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class _Known:
    is_paused: bool
    ask_again_at: datetime


class PausedSources:
    """Asks for a source's flag at most once in ten seconds.

    While it can't be read the source isn't paused: keeping back needs the same store, and an event that
    is sent after all does no harm.
    """

    def __init__(self, flags: Flags, *, log: Log, clock: Clock | None = None) -> None:
        self._flags = flags
        self._log = log
        self._clock = clock or SystemClock()
        self._known: dict[str, _Known] = {}
        # One thread asks, the others wait for its answer.
        self._lock = Lock()

    def is_paused(self, source: Source) -> bool:
        """Whether its events are to be kept back now."""
        with self._lock:
            now = self._clock.now()
            known = self._known.get(source.name)
            if known is None or now >= known.ask_again_at:
                known = _Known(self._ask(source.name), now + FRESH_FOR)
                self._known[source.name] = known
            return known.is_paused

    def _ask(self, source: str) -> bool:
        try:
            flag = self._flags.read([of_source(source)]).get(of_source(source))
        except Unavailable as error:
            self._log(
                Action.TROUBLE,
                what="whether the source is paused can't be asked: its events are sent",
                source=source,
                error=error,
            )
            return False
        return flag is not None and flag.is_up
