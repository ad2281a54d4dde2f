"""From an outcome to what Redis is told of it."""

from __future__ import annotations

import traceback
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from headworks import outcome
from headworks.brokers.redis.dead_stream import DeadLetter
from headworks.brokers.redis.delivered import Finished, Gone, Waits
from headworks.ledger.ledger import Failure
from headworks.telemetry import LONGEST_ERROR

if TYPE_CHECKING:
    from headworks.brokers.broker import Settled
    from headworks.brokers.redis.delivered import Received, Verdict
    from headworks.brokers.redis.entry_ledger import EntryLedger
    from headworks.clock import Clock
    from headworks.message import Message

LONGEST_STACK = 4_000


class Verdicts:
    """What outcomes mean for deliveries.

    A retry keeps the attempt and its history in the entry.  `entries` is the ledger that
    processing asked about these deliveries, if it was one of entries: it knows how an attempt
    failed, and all waits are spent here.  `keeps_dead_letters` has dead ones kept in Redis,
    where no other ledger does.
    """

    def __init__(self, clock: Clock, *, entries: EntryLedger | None, keeps_dead_letters: bool) -> None:
        self._clock = clock
        self._entries = entries
        self._keeps_dead_letters = keeps_dead_letters

    def of(self, received: Received, settled: Settled) -> Verdict:
        """The verdict for a delivery."""
        match settled.outcome:
            case outcome.Retry(after=after, error=error, away=away) if not away or self._entries:
                past = received.past.after(self._failure(received, error), sent_at=received.sent_at)
                return Waits(received, _milliseconds(after), past)
            case outcome.Defer(after=after):
                return Waits(received, _milliseconds(after), received.past, failed=False)
            case outcome.Dead(reason=reason, error=gave_up) if self._keeps_dead_letters:
                return Gone(received, self._letter(settled, received, str(reason), gave_up))
            case outcome.Dead() | outcome.Retry():
                return Gone(received)
        return Finished(received)

    def _letter(
        self, settled: Settled, received: Received, reason: str, error: BaseException | None
    ) -> bytes:
        past = received.past
        if error is not None:
            past = past.after(self._failure(received, error), sent_at=received.sent_at)
        letter = DeadLetter(
            reason=reason,
            died_at=self._clock.now(),
            attempts=past.attempts + (received.crashes if error is None else 0),
            crashes=received.crashes,
            earlier=past.earlier,
            replays=past.replays,
            replay=past.replay,
            error_type=type(error).__name__ if error else "",
            error=str(error or "")[:LONGEST_ERROR],
            failures=past.failures,
            sent_at=received.sent_at,
        )
        return with_header(letter, settled.message).encoded()

    def _failure(self, received: Received, error: BaseException) -> Failure:
        if self._entries is not None and (known := self._entries.failure_of(received.message_id)):
            return known
        return Failure(
            attempt=received.past.attempts + 1,
            at=self._clock.now(),
            error_type=type(error).__name__,
            error=str(error)[:LONGEST_ERROR],
            stack="".join(traceback.format_exception(error))[-LONGEST_STACK:],
        )


def with_header(letter: DeadLetter, message: Message[bytes] | None) -> DeadLetter:
    """What lists show of the message; nothing where its body couldn't be read."""
    if message is None:
        return letter
    return msgspec.structs.replace(
        letter,
        key=message.idempotency_key,
        type=message.type,
        source=message.source,
        ordering_key=message.ordering_key,
        tenant=message.tenant,
    )


def _milliseconds(wait: timedelta) -> int:
    return -(-wait // timedelta(milliseconds=1))
