"""A memory of acceptances that lives as long as the test."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from headworks.deduplication import Acceptance
from headworks.errors import Unavailable
from headworks.fingerprint import fingerprint

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from headworks.deduplication import Remembered, Sought


class MemoryDeduplication:
    """Remembers in a dictionary; `down` makes every direction fail."""

    def __init__(self) -> None:
        self.down = False
        self.remembered: dict[str, Remembered] = {}

    def look_up(self, keys: Collection[str]) -> Mapping[str, Remembered]:
        self._check()
        return {key: self.remembered[key] for key in keys if key in self.remembered}

    def remember(self, accepted: Mapping[str, Remembered]) -> None:
        self._check()
        self.remembered.update(accepted)

    def forget(self, message_ids: Collection[str]) -> None:
        self._check()
        for key, remembered in self.remembered.items():
            if remembered.message_id in message_ids and not remembered.forgotten:
                # No clock is needed for a window that ended before now, whenever that is.
                self.remembered[key] = replace(remembered, window_ends=remembered.accepted_at, forgotten=True)

    def _check(self) -> None:
        if self.down:
            raise Unavailable("the deduplication table", "down")


class MemoryAcceptances:
    """What some queues' memories hold, by the queues' names."""

    def __init__(self, memories: Mapping[str, MemoryDeduplication]) -> None:
        self._memories = memories

    def find(self, sought: Collection[Sought]) -> list[Acceptance]:
        return [
            Acceptance(queue=queue, key=key, remembered=remembered)
            for queue, bits in dict.fromkeys(sought)
            for key, remembered in self._memories[queue].look_up(self._memories[queue].remembered).items()
            if fingerprint(queue, key) == bits
        ]
