"""Resuming a source: what was kept back is let go in parts, by whoever resumed it and then every minute."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from headworks.operations.flags import Phase, of_source

if TYPE_CHECKING:
    from collections.abc import Callable

    from headworks.clock import Clock
    from headworks.operations.flags import Flag, Flags
    from headworks.operations.kept_back import KeptBack

# A function may believe for a while yet that a source is paused, and keep an event back after that.
STRAGGLERS = timedelta(minutes=2)


class Resuming:
    """Goes on with sources that are being resumed."""

    def __init__(self, flags: Flags, kept_back: KeptBack, *, clock: Clock) -> None:
        self._flags = flags
        self._kept_back = kept_back
        self._clock = clock

    def go_on(self, source: str, flag: Flag | None, *, remaining: Callable[[], timedelta]) -> None:
        """Let go what a source has had kept back, if it is being resumed by its flag.

        It is resumed for good when nothing was left after the last moment at which something could have
        been kept back.  Raises `Unavailable`.
        """
        if flag is None or flag.phase is not Phase.RESUMING or flag.resumed_at is None:
            return
        looked_at = self._clock.now()
        nothing_left = self._kept_back.let_go(source, remaining=remaining)
        if nothing_left and looked_at >= flag.resumed_at + STRAGGLERS:
            self._flags.finish(of_source(source), resumed_at=flag.resumed_at)
