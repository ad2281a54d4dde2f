"""Putting errors that are alike together."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headworks.ledger.catalogue import MOST_LISTED, Count, Group, Groups
from headworks.ledger.layout import LONGEST_ERROR

if TYPE_CHECKING:
    from datetime import datetime

    from headworks.ledger.catalogue import Listed
    from headworks.outcome import Reason

DIFFERENT = "..."
# Of errors that were cut, the end differs with the length of the ids before it.
LONGEST_LIKENESS = 200

# An apostrophe inside of a word opens and closes nothing.
_QUOTED = re.compile(r"""(?<!\w)(['"`]).*?\1(?!\w)|\u201c.*?\u201d|\u2018.*?\u2019""", re.DOTALL)
_CUT_IN_QUOTES = re.compile(r"""(?<!\w)['"`\u201c\u2018].*\Z""", re.DOTALL)
# Whatever has a digit in it (numbers, UUIDs, `evt_1NqX`), and hexadecimal ids that happen to have none.
_ID = re.compile(r"(?=[\w-]*\d)[\w-]+|\b[0-9a-fA-F]{8,}\b")
_ROW = re.compile(r"\.\.\.(?:[.,:/+]?\.\.\.)+")


def likeness(error: str) -> str:
    """What an error has in common with others of its kind: `...` stands for numbers, ids and quoted texts."""
    text = _QUOTED.sub(DIFFERENT, error)
    if len(error) >= LONGEST_ERROR:
        text = _CUT_IN_QUOTES.sub(DIFFERENT, text)
    return _ROW.sub(DIFFERENT, _ID.sub(DIFFERENT, text))[:LONGEST_LIKENESS]


@dataclass(slots=True, kw_only=True)
class _Heap:
    """A group that is being collected."""

    count: int
    first: datetime
    last: datetime
    example: Listed

    def add(self, listed: Listed, at: datetime) -> None:
        self.count += 1
        self.first = min(self.first, at)
        if at > self.last:
            self.last, self.example = at, listed


class Grouping:
    """Items by their kind of error, taken one after the other: only one of each kind is kept."""

    def __init__(self) -> None:
        self._heaps: dict[tuple[Reason | None, str, str], _Heap] = {}

    def add(self, listed: Listed) -> None:
        """One more item of the list."""
        if listed.at is None:
            return
        kind = (listed.reason, listed.error_type, likeness(listed.error))
        if kind in self._heaps:
            self._heaps[kind].add(listed, listed.at)
        else:
            self._heaps[kind] = _Heap(count=1, first=listed.at, last=listed.at, example=listed)

    def groups(self, *, is_exact: bool) -> Groups:
        """The largest groups first, no more of them than a page has items."""
        groups = [
            Group(
                count=heap.count,
                reason=reason,
                error_type=error_type,
                error=error,
                first=heap.first,
                last=heap.last,
                example=heap.example,
            )
            for (reason, error_type, error), heap in self._heaps.items()
        ]
        groups.sort(key=lambda group: (group.count, group.last), reverse=True)
        total = Count(number=sum(group.count for group in groups), is_exact=is_exact)
        return Groups(groups=tuple(groups[:MOST_LISTED]), total=total)
