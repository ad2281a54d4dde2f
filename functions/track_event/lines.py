"""Events as analysts read them: JSON lines, one an event, many in an object."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from headworks import Reject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headworks import Message

_encoder = msgspec.json.Encoder()


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    """What a line says of an event; its data as it came, but for blanks between."""

    id: str
    type: str
    source: str
    time: datetime
    tenant: str | None
    data: msgspec.Raw


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One event's line, and when the event happened."""

    id: str
    time: datetime
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Lines of one batch, as one object: what it is called under its prefix, and what is in it."""

    name: str
    content: bytes


def line_of(message: Message[msgspec.Raw]) -> Line:
    """An event's line.  Raises `Reject` for one that no line can hold."""
    try:
        time = message.time.astimezone(UTC)
        line = _Line(
            id=message.id,
            type=message.type,
            source=message.source,
            time=time,
            tenant=message.tenant,
            data=msgspec.Raw(msgspec.json.format(message.data, indent=-1)),
        )
        return Line(id=message.id, time=time, text=_encoder.encode(line).decode())
    except OverflowError as error:
        raise Reject(f"the time {message.time.isoformat()} isn't within UTC's years 1 to 9999") from error
    except UnicodeDecodeError as error:
        raise Reject(f"its data isn't UTF-8: {error}") from error


def page_of(lines: Sequence[Line]) -> Page:
    """These lines as one gzipped object.  The same events make the same object, name and all, in whatever order.

    It lies under the hour in which the middle one of them happened, in UTC: one sender whose
    clock is wrong takes no neighbour's line to another day.
    """
    ordered = sorted(lines, key=lambda line: (line.time, line.id))
    hour = ordered[len(ordered) // 2].time
    ids = _encoder.encode(sorted(line.id for line in lines))
    name = f"{hour.year:04}/{hour:%m/%d/%H}/{hashlib.sha256(ids).hexdigest()[:32]}.jsonl.gz"
    text = "".join(f"{line.text}\n" for line in ordered)
    # Without a time of its own: gzip's header would make every copy another one.
    return Page(name=name, content=gzip.compress(text.encode(), 6, mtime=0))
