"""A memory of acceptances that lives as long as the test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headworks.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from headworks.deduplication import Remembered


class MemoryDeduplication:
    """Remembers in a dictionary; `down` makes both directions fail."""

    def __init__(self) -> None:
        self.down = False
        self.remembered: dict[str, Remembered] = {}

    def look_up(self, keys: Collection[str]) -> Mapping[str, Remembered]:
        self._check()
        return {key: self.remembered[key] for key in keys if key in self.remembered}

    def forget(self, keys: Collection[str]) -> None:
        self._check()
        for key in keys:
            self.remembered.pop(key, None)

    def remember(self, accepted: Mapping[str, Remembered]) -> None:
        self._check()
        self.remembered.update(accepted)

    def _check(self) -> None:
        if self.down:
            raise Unavailable("the deduplication table", "down")
