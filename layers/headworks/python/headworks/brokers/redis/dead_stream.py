"""Dead letters in Redis, for those who have no other ledger: listed by time, filtered while they are read."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from headworks.brokers.redis.operation import command
from headworks.chunks import chunks
from headworks.ledger.ledger import Failure

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from headworks.brokers.redis.keys import ConsumerKeys
    from headworks.brokers.redis.operation import Operation

PAGE = 100
# A filter that takes nothing ends a call after so many letters; its cursor goes on from there.
MOST_READ = 5_000
MOST_AT_ONCE = 1_000


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a message is dead, with its history, and the header that lists show."""

    reason: str
    died_at: datetime
    attempts: int = 0
    crashes: int = 0
    earlier: int = 0
    replays: int = 0
    replay: str | None = None
    error_type: str = ""
    error: str = ""
    failures: tuple[Failure, ...] = ()
    key: str = ""
    type: str = ""
    source: str = ""
    ordering_key: str | None = None
    tenant: str | None = None
    sent_at: datetime | None = None

    def encoded(self) -> bytes:
        """As `settle` takes it."""
        return _encoder.encode(self)


class KeptLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter and its message; `place` is its own name in the stream."""

    place: str
    message_id: str
    body: bytes
    letter: DeadLetter


class Letters(msgspec.Struct, frozen=True, kw_only=True):
    """A page of them, the newest first; `cursor` is missing at the end."""

    letters: tuple[KeptLetter, ...]
    cursor: str | None


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(DeadLetter)


class DeadStream:
    """One consumer's dead letters."""

    def __init__(self, keys: ConsumerKeys) -> None:
        self._key = keys.dead

    def bury(self, message_id: str, body: str | bytes, letter: DeadLetter) -> Operation[None]:
        """Keep a message that never ran."""
        yield command("XADD", self._key, "*", "i", message_id, "m", body, "l", letter.encoded())

    def page(
        self,
        *,
        limit: int,
        cursor: str | None = None,
        only: Callable[[DeadLetter], bool] = lambda _: True,
    ) -> Operation[Letters]:
        """Up to `limit` that the filter takes, from the cursor on.

        A page may hold fewer, or none: there is more as long as it has a cursor.
        """
        found: list[KeptLetter] = []
        read = 0
        before = f"({cursor}" if cursor else "+"
        while read < MOST_READ:
            entries = yield command("XREVRANGE", self._key, before, "-", "COUNT", PAGE)
            for entry, fields in entries:
                read += 1
                kept = _kept(entry, fields)
                if only(kept.letter):
                    found.append(kept)
                if len(found) == limit:
                    return Letters(letters=tuple(found), cursor=kept.place)
            if len(entries) < PAGE:
                return Letters(letters=tuple(found), cursor=None)
            before = f"({entries[-1][0].decode()}"
        return Letters(letters=tuple(found), cursor=before[1:])

    def read(self, place: str) -> Operation[KeptLetter | None]:
        """One of them."""
        entries = yield command("XRANGE", self._key, place, place)
        return _kept(*entries[0]) if entries else None

    def take_away(self, places: Collection[str]) -> Operation[int]:
        """Remove these; how many were still there."""
        removed = 0
        for some in chunks(places, MOST_AT_ONCE):
            removed += yield command("XDEL", self._key, *some)
        return removed


def _kept(entry: bytes, fields: Any) -> KeptLetter:
    named = dict(zip(fields[::2], fields[1::2], strict=True))
    return KeptLetter(
        place=entry.decode(),
        message_id=named[b"i"].decode(),
        body=named[b"m"],
        letter=_decoder.decode(named[b"l"]),
    )
