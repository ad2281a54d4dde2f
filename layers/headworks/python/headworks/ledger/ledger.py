"""The ledger contract: what is known of each (queue, consumer, idempotency key).

One item is lease, attempt counter, history, dead letter and memory of completion.  Every
change of it is conditional on the state and the owner that it changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from headworks.outcome import Fault

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headworks.message import Message
    from headworks.outcome import Reason


# What one call takes: BatchExecuteStatement has 25 statements, all reads or all writes, no item twice.
MOST_AT_ONCE = 25
# How long before it is due a waiting message may be sent, with a delay for the rest: the schedule's interval
# of a minute, and Scheduler fires anywhere within its minute.
SENT_AHEAD = timedelta(minutes=2)


class State(StrEnum):
    """Where a key stands."""

    RUNNING = "running"
    RETRYING = "retrying"
    WAITING = "waiting"
    COMPLETED = "completed"
    DEAD = "dead"
    REPLAYING = "replaying"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Which effect is meant, and the header that lists show of it."""

    key: str
    message_id: str
    type: str
    source: str
    ordering_key: str | None = None
    tenant: str | None = None

    @classmethod
    def of(cls, message: Message[bytes]) -> Entry:
        """What the ledger keeps of a message."""
        return cls(
            key=message.idempotency_key,
            message_id=message.id,
            type=message.type,
            source=message.source,
            ordering_key=message.ordering_key,
            tenant=message.tenant,
        )

    @classmethod
    def unread(cls, delivery_id: str, queue: str) -> Entry:
        """What the ledger keeps of a body that can't be read: the transport's own name for it."""
        return cls(key=delivery_id, message_id=delivery_id, type="", source=queue)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One attempt that failed, as the history keeps it: cut to a bounded size."""

    attempt: int
    at: datetime
    error_type: str
    error: str
    stack: str = ""
    duration_ms: int = 0
    version: str = ""
    request_id: str = ""
    fault: Fault = Fault.PIPELINE


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to run a key now.  `attempt` is the run that it stands for, counted from 1.

    `earlier` are the attempts before its last replay, which began a fresh series; `generation` how often
    it ran anew though it was completed.
    """

    entry: Entry
    owner: str
    attempt: int
    ends: datetime
    crashes: int = 0
    history: tuple[Failure, ...] = ()
    earlier: int = 0
    replays: int = 0
    generation: int = 0

    @property
    def attempt_of_series(self) -> int:
        """Which attempt this is since the message was sent, or put back the last time."""
        return self.attempt - self.earlier


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """Nothing to run: it is completed, dead, or waits outside of the queue."""

    state: State


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Somebody runs it, or its time hasn't come: look again at `until`."""

    until: datetime
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """Its owner died: running it again may kill the next one too, so it is run last and alone."""

    entry: Entry
    owner: str
    attempt: int
    crashes: int
    history: tuple[Failure, ...] = ()
    earlier: int = 0

    @property
    def attempt_of_series(self) -> int:
        """Which attempt it died in, since the message was sent, or put back the last time."""
        return self.attempt - self.earlier


Answer = Lease | Closed | Held | Suspect


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What a dead or waiting item keeps beside its header: the message, ready to be sent again.

    `body_ref` names the object that holds a body too large for an item.
    """

    body: str
    sent_at: datetime
    ordering_key: str | None = None
    body_ref: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    """The attempts of a message that no lease of the ledger stands for: its transport has counted them."""

    attempt: int
    crashes: int = 0
    history: tuple[Failure, ...] = ()


NOT_LIVED = Lived(attempt=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A message that is out of the queue until it is due."""

    entry: Entry
    due: datetime
    attempt: int


class Ledger(Protocol):
    """One consumer's ledger.  Every method raises `Unavailable` when its store doesn't answer.

    A change answers whether it was made: one that comes too late, from an owner whose lease
    was taken over, changes nothing.  Repeating a change that was made answers true.
    """

    def lease(self, entries: Sequence[Entry], *, lasts: timedelta) -> list[Answer | None]:
        """Ask to run these keys, each once; one answer each, none where the store failed that one alone."""

    def take_over(self, suspect: Suspect, *, lasts: timedelta) -> Answer:
        """Run what its owner died of: counts a crash and an attempt."""

    def extend(self, leases: Sequence[Lease], *, lasts: timedelta) -> list[bool | None]:
        """These runs go on: their leases last so long from now.  One answer each, as of `complete`."""

    def complete(self, leases: Sequence[Lease]) -> list[bool | None]:
        """The effects happened; one answer each, none where the store failed that one alone."""

    def retry(self, lease: Lease, failure: Failure, *, due: datetime) -> bool:
        """The attempt failed; another may start at `due`."""

    def wait(self, lease: Lease, failure: Failure, letter: Letter, *, due: datetime) -> bool:
        """The attempt failed, and the next is so far away that the message leaves the queue."""

    def release(self, lease: Lease, *, due: datetime) -> bool:
        """The run didn't count: its attempt is given back."""

    def bury(
        self,
        entry: Entry,
        letter: Letter,
        *,
        reason: Reason,
        failure: Failure | None,
        holder: Lease | Suspect | None = None,
        lived: Lived = NOT_LIVED,
    ) -> State:
        """Dead: kept with its reason, history and body.  Answers the state that the key is in afterwards.

        Without a holder nobody may be running it.  What it has `lived` is told of a key that is new here.
        """

    def hold(self, entry: Entry, letter: Letter, *, due: datetime) -> bool:
        """A message that isn't to be sent before `due` waits here.  False where its key is known already."""

    def waiting(self, *, due_before: datetime, limit: int) -> list[Waiting]:
        """What waits and is due by then, the first due first."""

    def letter(self, entry: Entry) -> Letter | None:
        """The message of a dead or waiting item."""

    def woken(self, waiting: Waiting) -> bool:
        """It was sent: a copy of it is on the queue from now on."""

    def cancel(self, key: str) -> bool:
        """Close the key of a message that waits for its first attempt: no copy of it ever runs."""
