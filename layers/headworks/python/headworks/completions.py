"""Telling the ledger that effects happened.  Done stays done, whatever it answers."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from headworks.errors import Unavailable
from headworks.telemetry import Action

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headworks.batch import Workshop
    from headworks.brokers.broker import Settled
    from headworks.processing import Ended

# What settling needs when handlers must have ended: a round of calls that time out, and one that doesn't.
SETTLING = timedelta(seconds=3)
COMPLETION_ROUNDS = 4
FIRST_PAUSE_SECONDS = 0.1


class Completions:
    """The completions of one batch.  Safe to call from several threads at once."""

    def __init__(self, workshop: Workshop, remaining: Callable[[], timedelta]) -> None:
        self._shop = workshop
        self._remaining = remaining
        self._lost: list[Ended] = []

    @property
    def lost(self) -> int:
        """How many effects the ledger never heard of."""
        return len(self._lost)

    def tell(self, ended: Sequence[Ended]) -> list[Settled]:
        """Tell the ledger that effects happened, and answer what is settled by that: all of them."""
        pending = list(ended)
        for round_number in range(COMPLETION_ROUNDS):
            if not pending:
                break
            if round_number:
                self._shop.pause(FIRST_PAUSE_SECONDS * 2**round_number)
            pending = self._uncompleted(pending)
            if self._remaining() < SETTLING:
                break
        for each in pending:
            self._lost.append(each)
            self._trouble("the effect happened, but the ledger doesn't know", each)
        return [
            self._shop.processing.end(
                each.opened,
                each.verdict,
                attempt=each.lease.attempt_of_series,
                duration_ms=round(each.duration_ms, 1),
            )
            for each in ended
        ]

    def _uncompleted(self, ended: Sequence[Ended]) -> list[Ended]:
        """Those whose completion the store didn't take; a lease that was lost meanwhile isn't among them."""
        try:
            answers = self._shop.ledger.complete([each.lease for each in ended])
        except Unavailable:
            return list(ended)
        for each, answer in zip(ended, answers, strict=True):
            if answer is False:
                self._trouble("the effect happened after its lease had ended", each)
        return [each for each, answer in zip(ended, answers, strict=True) if answer is None]

    def _trouble(self, what: str, ended: Ended) -> None:
        self._shop.log(
            Action.TROUBLE,
            what=what,
            queue=self._shop.queue.name,
            message_id=ended.opened.message.id,
            attempt=ended.lease.attempt_of_series,
        )
