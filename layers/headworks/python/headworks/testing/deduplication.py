"""A memory of acceptances that lives as long as the test."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from headworks.deduplication import before
from headworks.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from headworks.deduplication import Remembered


LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class MemoryDeduplication:
    """Remembers in a dictionary; `down` makes both directions fail."""

    def __init__(self) -> None:
        self.down = False
        self.remembered: dict[str, Remembered] = {}

    def look_up(self, keys: Collection[str]) -> Mapping[str, Remembered]:
        self._check()
        return {key: self.remembered[key] for key in keys if key in self.remembered}

    def remember(self, accepted: Mapping[str, Remembered]) -> None:
        self._check()
        self.remembered.update(accepted)

    def forget(self, keys: Collection[str]) -> None:
        for key, remembered in self.look_up(keys).items():
            if remembered.window_ends == LONG_AGO:
                continue
            earlier = before(remembered, LONG_AGO)
            if earlier is None:
                del self.remembered[key]
            else:
                self.remembered[key] = earlier

    def _check(self) -> None:
        if self.down:
            raise Unavailable("the deduplication table", "down")
