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


def order(state: State, place: Place) -> tuple[int, str]:
    """By what partitions are merged."""
    return (-place.at if state in NEWEST_FIRST else place.at, place.partition)


def write_cursor(place: Place) -> str:
    """A place as text that goes through a URL."""
    content = msgspec.json.encode((place.at, place.partition, place.id))
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def read_cursor(cursor: str, state: State) -> Place:
    """The place that a cursor means.  Raises `InvalidCursor`."""
    try:
        content = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        at, partition, identity = msgspec.json.decode(content, type=tuple[int, str, str])
    except (binascii.Error, ValueError) as error:
        raise InvalidCursor(f"{excerpt(cursor)} isn't a cursor") from error
    if not partition.startswith(f"{state}#") or not 0 <= at < 1 << 53 or not identity:
        raise InvalidCursor(f"{excerpt(cursor)} isn't a cursor of what is {state}")
    return Place(at=at, partition=partition, id=identity)
