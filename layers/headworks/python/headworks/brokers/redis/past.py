"""What an entry carries of a message that was tried before."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import msgspec

from headworks.ledger import layout
from headworks.ledger.item import bounded
from headworks.ledger.ledger import Failure


class Past(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Attempts made, the failures among them as far as they are kept, and when the message was first sent.

    `earlier` are the attempts before it was put back, which began a fresh series, `replays` how often
    it was put back, and `replay` the name of the last time; where a ledger keeps those, they aren't here.
    """

    attempts: int = 0
    earlier: int = 0
    replays: int = 0
    replay: str | None = None
    failures: tuple[Failure, ...] = ()
    sent_at: datetime | None = None

    def after(self, failure: Failure, *, sent_at: datetime) -> Past:
        """The past once another attempt has failed."""
        return msgspec.structs.replace(
            self,
            attempts=failure.attempt,
            failures=bounded(self.failures, _cut(failure)),
            sent_at=self.sent_at or sent_at,
        )

    def encoded(self) -> bytes:
        """As the entry's field has it; empty for a message without a past."""
        return b"" if self == NO_PAST else _encoder.encode(self)


def _cut(failure: Failure) -> Failure:
    """As much of it as a ledger keeps: an entry carries twelve of them."""
    return replace(
        failure,
        error_type=failure.error_type[: layout.LONGEST_ERROR_TYPE],
        error=failure.error[: layout.LONGEST_ERROR],
        stack=failure.stack[-layout.LONGEST_STACK :],
    )


NO_PAST = Past()
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Past)


def past_of(state: bytes) -> Past:
    """What an entry's field says."""
    return _decoder.decode(state) if state else NO_PAST


def sent_at_of(entry: bytes) -> datetime:
    """When an entry was added: its id begins with the server's milliseconds."""
    return datetime.fromtimestamp(int(entry.partition(b"-")[0]) / 1000, UTC)
