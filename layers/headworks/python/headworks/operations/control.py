"""Stopping the bleeding: pausing, processing on demand, purging, and the numbers of every queue."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta

    from headworks.ledger.catalogue import Address
    from headworks.queue import Queue

# A ledger's list that is longer is counted no further.
MOST_COUNTED = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Since when something is paused, and what is on record of it."""

    since: datetime
    by: str
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A consumer, or a source, that was to be paused or resumed: how it is now, and whether that is new."""

    address: Address | None = None
    source: str | None = None
    paused: Pause | None = None
    changed: bool


class Pauses(Protocol):
    """Who pauses.  Raises `Unavailable`; asked again then, it goes on where it was."""

    def pause(self, addresses: Sequence[Address], *, by: str, reason: str | None) -> list[Changed]:
        """Let consumers take nothing more; what arrives stays on their queues."""

    def resume(self, addresses: Sequence[Address]) -> list[Changed]:
        """Let them take again."""

    def pause_source(self, source: str, *, by: str, reason: str | None) -> Changed:
        """Keep a source's events in the ledger instead of sending them."""

    def resume_source(self, source: str) -> Changed:
        """Send what was kept, in the order in which it came, and what comes from now on."""

    def of_consumers(self) -> dict[Address, Pause]:
        """Every consumer that is paused, by whatever means."""

    def of_sources(self) -> dict[str, Pause]:
        """Every source that is paused."""


class Fate(StrEnum):
    """What became of a message that was processed on demand."""

    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Processed:
    """What one round of processing came to, by SQS's message ids, or on Redis by the messages' own.

    `unfinished` where the function took longer than anybody waits: it goes on, and the queue hands out
    again what it leaves.  On Redis nobody knows then what it took.
    """

    fates: dict[str, Fate]
    unfinished: bool = False


class OnDemand(Protocol):
    """Who processes on demand."""

    def process(self, address: Address, *, batch_size: int, remaining: Callable[[], timedelta]) -> Processed:
        """Have the queue's own consumer process up to so many messages, paused or not.  Raises `Unavailable`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Purged:
    """What one round of purging came to: of messages sent before `before`.

    `kept` were on their way to somebody; `in_flight` couldn't be received; `more` where time ran out.
    """

    purged: int
    kept: int
    in_flight: int
    more: bool
    before: datetime


class Purging(Protocol):
    """Who purges."""

    def purge(
        self, addresses: Sequence[Address], *, before: datetime | None, remaining: Callable[[], timedelta]
    ) -> Purged:
        """Delete what lies on these consumers' queues, and release its keys.  Raises `Unavailable`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Messages a minute, over the last five."""

    done: float
    retried: float
    dead: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerStats:
    """One consumer's numbers, as docs/admin_api.md says what they mean.

    None is what couldn't be asked, or isn't told apart on what the queue travels over.
    """

    consumer: str
    pending: int | None = None
    processing: int | None = None
    retrying: int | None = None
    delayed: int | None = None
    due: int | None = None
    parked: int | None = None
    waiting: int | None = None
    dead: int | None = None
    unburied: int | None = None
    oldest_age: timedelta | None = None
    rates: Rates | None = None
    counts_are_exact: bool = True
    paused: Pause | None = None
    warnings: tuple[str, ...] = ()
    trouble: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStats:
    """A source: whether it is paused, and how many of its events are kept back."""

    name: str
    paused: Pause | None = None
    held: int | None = None


class Statistics(Protocol):
    """Who counts.  Never raises for what can't be asked: it is told as trouble of that consumer."""

    def of_queues(self, queues: Sequence[Queue]) -> dict[str, list[ConsumerStats]]:
        """The numbers of these queues' consumers."""

    def of_sources(self) -> list[SourceStats]:
        """How the sources stand."""
