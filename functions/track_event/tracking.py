"""Keeping events for analysts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headworks import Failed, Reject
from track_event.lines import Line, line_of, page_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import msgspec

    from headworks import Message
    from track_event.archive import Archive


def track(messages: Sequence[Message[msgspec.Raw]], *, archive: Archive) -> None:
    """Write a batch's events as one page; those that no line can hold are rejected, and no other is."""
    lines: list[Line] = []
    rejected: dict[Message[msgspec.Raw], Exception] = {}
    for message in messages:
        try:
            lines.append(line_of(message))
        except Reject as error:
            rejected[message] = error
    if lines:
        archive.keep(page_of(lines))
    if rejected:
        raise Failed(rejected)
