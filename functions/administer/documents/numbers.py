"""How queues and sources stand; docs/admin_api.md says what each number means."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from administer.documents.document import Document

if TYPE_CHECKING:
    from headworks.operations import control
    from headworks.queue import Queue


class Pause(Document):
    """Since when something is paused, by whom and why."""

    since: datetime
    by: str
    reason: str | None

    @classmethod
    def of(cls, pause: control.Pause | None) -> Pause | None:
        """A pause, if it is one."""
        return None if pause is None else cls(since=pause.since, by=pause.by, reason=pause.reason)


class Rates(Document):
    """Messages a minute, over the last five."""

    done: float
    retried: float
    dead: float

    @classmethod
    def of(cls, rates: control.Rates) -> Rates:
        """Rates as they are told."""
        return cls(done=rates.done, retried=rates.retried, dead=rates.dead)


class ConsumerStats(Document):
    """One consumer's numbers; `null` is what couldn't be asked, or isn't told apart there."""

    consumer: str
    pending: int | None
    processing: int | None
    retrying: int | None
    delayed: int | None
    due: int | None
    parked: int | None
    waiting: int | None
    dead: int | None
    unburied: int | None
    oldest_age_seconds: float | None
    rates: Rates | None
    counts_are_exact: bool
    paused: Pause | None
    warnings: list[str]
    trouble: list[str]

    @classmethod
    def of(cls, stats: control.ConsumerStats) -> ConsumerStats:
        """A consumer's numbers as they are told."""
        rates = stats.rates
        return cls(
            consumer=stats.consumer,
            pending=stats.pending,
            processing=stats.processing,
            retrying=stats.retrying,
            delayed=stats.delayed,
            due=stats.due,
            parked=stats.parked,
            waiting=stats.waiting,
            dead=stats.dead,
            unburied=stats.unburied,
            oldest_age_seconds=None if stats.oldest_age is None else stats.oldest_age.total_seconds(),
            rates=None if rates is None else Rates.of(rates),
            counts_are_exact=stats.counts_are_exact,
            paused=Pause.of(stats.paused),
            warnings=list(stats.warnings),
            trouble=list(stats.trouble),
        )


class QueueStats(Document):
    """A queue and the numbers of its consumers."""

    name: str
    fifo: bool
    internal: bool
    transport: str
    consumers: list[ConsumerStats]

    @classmethod
    def of(cls, queue: Queue, consumers: list[control.ConsumerStats]) -> QueueStats:
        """A declared queue with its consumers' numbers."""
        return cls(
            name=queue.name,
            fifo=queue.fifo,
            internal=queue.internal,
            transport=queue.transport,
            consumers=[ConsumerStats.of(each) for each in consumers],
        )


class SourceStats(Document):
    """A source: whether it is paused, and how many of its events are kept back."""

    name: str
    paused: Pause | None
    held: int | None

    @classmethod
    def of(cls, stats: control.SourceStats) -> SourceStats:
        """A source as it stands."""
        return cls(name=stats.name, paused=Pause.of(stats.paused), held=stats.held)


class Overview(Document):
    """Every queue and every source, at one time."""

    at: datetime
    queues: list[QueueStats]
    sources: list[SourceStats]
