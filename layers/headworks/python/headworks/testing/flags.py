"""Flags that live as long as the test."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from headworks.errors import Unavailable
from headworks.operations.flags import Flag, Phase

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from headworks.operations.control import Pause


class MemoryFlags:
    """Keeps them in a dictionary; `down` makes every call fail, and `reads` counts those that read."""

    def __init__(self) -> None:
        self.down = False
        self.reads = 0
        self.flags: dict[str, Flag] = {}

    def read(self, names: Collection[str]) -> Mapping[str, Flag]:
        self.reads += 1
        self._check()
        return {name: self.flags[name] for name in names if name in self.flags}

    def put_up(self, name: str, pause: Pause) -> Flag:
        self._check()
        known = self.flags.get(name)
        if known is None or not known.is_up:
            self.flags[name] = Flag(pause=pause)
        return self.flags[name]

    def take_down(self, name: str, *, phase: Phase, at: datetime) -> bool:
        self._check()
        known = self.flags.get(name)
        if known is None or not known.is_up:
            return False
        self.flags[name] = replace(known, phase=phase, resumed_at=at)
        return True

    def finish(self, name: str, *, resumed_at: datetime) -> bool:
        self._check()
        known = self.flags.get(name)
        if known is None or known.phase is not Phase.RESUMING or known.resumed_at != resumed_at:
            return False
        self.flags[name] = replace(known, phase=Phase.OVER)
        return True

    def _check(self) -> None:
        if self.down:
            raise Unavailable("the record of pauses", "down")
