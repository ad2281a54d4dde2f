"""The order of a list that is merged from many partitions, and cursors: places in that order."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from headworks.errors import excerpt
from headworks.ledger.catalogue import InvalidCursor
from headworks.ledger.ledger import State

if TYPE_CHECKING:
    from headworks.ledger.catalogue import Listed

# What died last is what somebody looks for; of what is to come, what comes first.
NEWEST_FIRST = frozenset({State.DEAD})


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a list stands: at a time (milliseconds), in a partition, behind an item.

    Items of one moment are ordered by partition, and inside one by the store.  `item` is
    what lies there, if the filter takes it.
    """

    at: int
    partition: str
    id: str
    item: Listed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Which list, and from which of its ends."""

    state: State
    newest_first: bool

    @classmethod
    def of(cls, state: State, *, oldest_first: bool) -> Order:
        """How a list comes: as is usual for it, or the oldest first."""
        return cls(state=state, newest_first=state in NEWEST_FIRST and not oldest_first)

    def rank(self, place: Place) -> tuple[int, str]:
        """By what partitions are merged."""
        return (-place.at if self.newest_first else place.at, place.partition)

    def write_cursor(self, place: Place) -> str:
        """A place as text that goes through a URL."""
        content = msgspec.json.encode((place.at, place.partition, place.id, self.newest_first))
        return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

    def read_cursor(self, cursor: str) -> Place:
        """The place that a cursor means.  Raises `InvalidCursor`."""
        try:
            content = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
            at, partition, identity, newest_first = msgspec.json.decode(
                content, type=tuple[int, str, str, bool]
            )
        except (binascii.Error, ValueError) as error:
            raise InvalidCursor(f"{excerpt(cursor)} isn't a cursor") from error
        if not partition.startswith(f"{self.state}#") or not 0 <= at < 1 << 53 or not identity:
            raise InvalidCursor(f"{excerpt(cursor)} isn't a cursor of what is {self.state}")
        if newest_first is not self.newest_first:
            raise InvalidCursor(f"{excerpt(cursor)} is a cursor of the list in its other order")
        return Place(at=at, partition=partition, id=identity)
