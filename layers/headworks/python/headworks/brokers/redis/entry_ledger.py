"""The ledger of what is in this process's hands: on Redis the entry itself says what is known of a message.

The lease is the delivery's, attempts and history travel along, and settling is what changes
them.  Only what is dead goes to a ledger that lasts, and before it is settled; what was put
back from there is asked about there, as if it had come over SQS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from headworks.errors import HeadworksError, Unavailable
from headworks.ledger.item import bounded
from headworks.ledger.ledger import NOT_LIVED, Closed, Lease, Lived, State, Suspect

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

    `lasting` is told of the dead, first, and says of what was put back from it whether it runs;
    without one letters are kept by the broker.
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
        kept = [entry for entry in entries if self._keeper_of(entry) is not None]
        answers = self._lease_kept(kept, lasts) if kept else {}
        return [
            answers[entry.key] if entry.key in answers else self._lease(entry, lasts) for entry in entries
        ]

    def take_over(self, suspect: Suspect, *, lasts: timedelta) -> Answer:
        if (keeper := self._keeper_of(suspect.entry)) is not None:
            return keeper.take_over(suspect, lasts=lasts)
        return self._leased(suspect.entry, self._at_hand[suspect.entry.message_id], lasts)

    def extend(self, leases: Sequence[Lease], *, lasts: timedelta) -> list[bool | None]:  # noqa: ARG002 - the contract's
        """The heartbeat of whoever holds the deliveries does it."""
        return [True] * len(leases)

    def complete(self, leases: Sequence[Lease]) -> list[bool | None]:
        """Settling does it; what was put back is closed where it was kept."""
        kept = [lease for lease in leases if self._keeper_of(lease.entry) is not None]
        answers: dict[str, bool | None] = {}
        if kept and self._lasting is not None:
            told = self._lasting.complete(kept)
            answers = {lease.entry.key: each for lease, each in zip(kept, told, strict=True)}
        return [answers.get(lease.entry.key, True) for lease in leases]

    def retry(self, lease: Lease, failure: Failure, *, due: datetime) -> bool:
        keeper = self._keeper_of(lease.entry)
        if keeper is not None and not keeper.retry(lease, failure, due=due):
            return False
        self._failures[lease.entry.message_id] = failure
        return True

    def wait(self, lease: Lease, failure: Failure, letter: Letter, *, due: datetime) -> bool:  # noqa: ARG002 - it stays
        """However long it is, it is spent in Redis."""
        return self.retry(lease, failure, due=due)

    def release(self, lease: Lease, *, due: datetime) -> bool:
        """Nothing was counted yet, but where it was kept."""
        keeper = self._keeper_of(lease.entry)
        return True if keeper is None else keeper.release(lease, due=due)

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
        if self._keeper_of(entry) is not None:
            return self._lasting.bury(entry, letter, reason=reason, failure=failure, holder=holder)
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

    def _keeper_of(self, entry: Entry) -> Ledger | None:
        """The ledger that says whether it runs, if one does: of what was put back from there."""
        received = self._at_hand.get(entry.message_id)
        return self._lasting if received is not None and received.kept else None

    def _lease_kept(self, entries: Sequence[Entry], lasts: timedelta) -> dict[str, Answer | None]:
        """What the ledger that lasts says of these; while it doesn't answer their neighbours go on."""
        assert self._lasting is not None  # noqa: S101 - it keeps them
        try:
            answers = self._lasting.lease(entries, lasts=lasts)
            return {
                entry.key: self._unless_finished(entry, answer, self._lasting, lasts)
                for entry, answer in zip(entries, answers, strict=True)
            }
        except Unavailable:
            return {entry.key: None for entry in entries}

    def _unless_finished(
        self, entry: Entry, answer: Answer | None, keeper: Ledger, lasts: timedelta
    ) -> Answer | None:
        """Close what a copy has finished that nobody told the ledger of; another generation is another effect."""
        if not self._at_hand[entry.message_id].finished:
            return answer
        if isinstance(answer, Suspect):
            answer = keeper.take_over(answer, lasts=lasts)
        if not isinstance(answer, Lease) or answer.generation:
            return answer
        [completed] = keeper.complete([answer])
        return Closed(state=State.COMPLETED) if completed else None

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
        if self.letter(entry) is not None:
            # Whoever had it died between the ledger and settling; it may have been put back since.
            return Closed(state=State.DEAD)
        past = received.past
        return Suspect(
            entry=entry,
            owner=received.entry.decode(),
            attempt=past.attempts + received.crashes,
            # Whoever takes it over counts one more, and the first delivery that ended without an
            # outcome may have died of a neighbour.
            crashes=received.crashes - 1,
            history=past.failures,
            earlier=past.earlier,
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
            earlier=past.earlier,
        )
