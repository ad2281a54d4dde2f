"""Releasing the keys of messages that were taken away: whoever sends them anew sends other messages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from headworks.deduplication import Deduplication
    from headworks.ledger.ledger import Entry

# An effect's key is the sender's, with a number behind it where that had windows before.
_LATER_WINDOW = re.compile(r"(.+)\.[1-9][0-9]*", re.DOTALL)


def release(memory: Deduplication, entries: Iterable[Entry]) -> None:
    """Have the edge forget that it has accepted these messages.  Raises `Unavailable`."""
    ids = {name: entry.message_id for entry in entries for name in _names(entry.key)}
    known = memory.look_up(ids)
    # Another message may have been accepted under the key since.
    memory.forget([name for name, each in known.items() if each.message_id == ids[name]])


def _names(key: str) -> list[str]:
    """What the sender may have called an effect's key."""
    later = _LATER_WINDOW.fullmatch(key)
    return [key] if later is None else [key, later[1]]
