"""The ledger of what is in this process's hands: on Redis the entry itself says what is known of a message.

The lease is the delivery's, attempts and history travel along, and settling is what changes
them.  Only what is dead goes to a ledger that lasts, and before it is settled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from headworks.errors import HeadworksError
from headworks.ledger.item import bounded
from headworks.ledger.ledger import NOT_LIVED, Lease, Lived, State, Suspect

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta

    from headworks.brokers.redis.delivered import Received
    from headworks.clock import Clock
    from headworks.ledger.ledger import Answer, Entry, Failure, Ledger, Letter, Waiting
    from headworks.outcome import Reason


class KeptElsewhere(HeadworksError):
    """Something was asked that an entry can't know: it is a question for the ledger that lasts."""


class EntryLedger:
    """Answers for the deliveries that it was told of with `take`, until they are settled.

    `lasting` is told of the dead, first; without one their letters are kept by the broker.
    """

    def __init__(self, clock: Clock, *, lasting: Ledger | None = None) -> None:
        self._clock = clock
        self._lasting = lasting
        self._at_hand: dict[str, Received] = {}
        self._failures: dict[str, Failure] = {}

    def take(self, received: Iterable[Received]) -> None:
        """These were handed out, and are about to be asked for."""
        self._at_hand.update((each.message_id, each) for each in received)

    def failure_of(self, message_id: str) -> Failure | None:
        """How its attempt ended, if it failed."""
        return self._failures.get(message_id)

    def let_go(self, message_id: str) -> None:
        """It is settled."""
        self._at_hand.pop(message_id, None)
        self._failures.pop(message_id, None)

    def lease(self, entries: Sequence[Entry], *, lasts: timedelta) -> list[Answer | None]:
        return [self._lease(entry, lasts) for entry in entries]

    def take_over(self, suspect: Suspect, *, lasts: timedelta) -> Answer:
        received = self._at_hand[suspect.entry.message_id]
        return self._leased(suspect.entry, received, lasts)

    def complete(self, leases: Sequence[Lease]) -> list[bool | None]:
        """Settling does it."""
        return [True] * len(leases)

    def retry(self, lease: Lease, failure: Failure, *, due: datetime) -> bool:  # noqa: ARG002 - settling says when
        self._failures[lease.entry.message_id] = failure
        return True

    def wait(self, lease: Lease, failure: Failure, letter: Letter, *, due: datetime) -> bool:  # noqa: ARG002 - it stays
        """However long it is, it is spent in Redis."""
        return self.retry(lease, failure, due=due)

    def release(self, lease: Lease, *, due: datetime) -> bool:  # noqa: ARG002 - nothing was counted yet
        return True

    def bury(
        self,
        entry: Entry,
        letter: Letter,
        *,
        reason: Reason,
        failure: Failure | None,
        holder: Lease | Suspect | None = None,
        lived: Lived = NOT_LIVED,  # noqa: ARG002 - the entry says it
    ) -> State:
        if failure is not None:
            self._failures[entry.message_id] = failure
        if self._lasting is None:
            return State.DEAD
        return self._lasting.bury(
            entry, letter, reason=reason, failure=failure, lived=self._lived(entry, failure, holder)
        )

    def hold(self, entry: Entry, letter: Letter, *, due: datetime) -> bool:  # noqa: ARG002 - the contract's
        raise KeptElsewhere(f"{entry.key}: a delayed message is sent to Redis with its delay")

    def waiting(self, *, due_before: datetime, limit: int) -> list[Waiting]:  # noqa: ARG002 - the contract's
        """Nothing: what waits is brought back by whoever fetches."""
        return []

    def letter(self, entry: Entry) -> Letter | None:
        """Only what is dead has a letter."""
        return None if self._lasting is None else self._lasting.letter(entry)

    def woken(self, waiting: Waiting) -> bool:
        raise KeptElsewhere(f"{waiting.entry.key}: nothing waits here")

    def cancel(self, key: str) -> bool:
        raise KeptElsewhere(f"{key}: an entry can't be found by its key")

    def _lived(self, entry: Entry, failure: Failure | None, holder: Lease | Suspect | None) -> Lived:
        """What is to be told of it: all that its entry carries, and how its last attempt ended."""
        received = self._at_hand[entry.message_id]
        past, was_run = received.past, isinstance(holder, Lease)
        return Lived(
            attempt=past.attempts + received.crashes + was_run,
            crashes=received.crashes,
            history=bounded(past.failures, failure if was_run else None),
        )

    def _lease(self, entry: Entry, lasts: timedelta) -> Answer | None:
        received = self._at_hand.get(entry.message_id)
        if received is None:
            return None
        if not received.is_suspect:
            return self._leased(entry, received, lasts)
        past = received.past
        return Suspect(
            entry=entry,
            owner=received.entry.decode(),
            attempt=past.attempts + received.crashes,
            # Whoever takes it over counts one more, and the first delivery that ended without an
            # outcome may have died of a neighbour.
            crashes=received.crashes - 1,
            history=past.failures,
        )

    def _leased(self, entry: Entry, received: Received, lasts: timedelta) -> Lease:
        past = received.past
        return Lease(
            entry=entry,
            owner=received.entry.decode(),
            attempt=past.attempts + received.crashes + 1,
            ends=self._clock.now() + lasts,
            crashes=received.crashes,
            history=past.failures,
        )
