"""What the admin API answers, as far as a person is shown it: docs/admin_api.md says what each member is.

Members that a newer API may add are passed over.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType


class Answer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A document of the admin API."""


class Pause(Answer, frozen=True, kw_only=True):
    """Since when something is paused, by whom and why."""

    since: datetime
    by: str
    reason: str | None = None


class Rates(Answer, frozen=True, kw_only=True):
    """Messages a minute."""

    done: float
    retried: float
    dead: float


class ConsumerStats(Answer, frozen=True, kw_only=True):
    """One consumer's numbers; none is what couldn't be asked."""

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
    oldest_age_seconds: float | None = None
    rates: Rates | None = None
    counts_are_exact: bool = True
    paused: Pause | None = None
    warnings: tuple[str, ...] = ()
    trouble: tuple[str, ...] = ()


class QueueStats(Answer, frozen=True, kw_only=True):
    """A queue and its consumers."""

    name: str
    fifo: bool = False
    internal: bool = False
    consumers: tuple[ConsumerStats, ...] = ()


class SourceStats(Answer, frozen=True, kw_only=True):
    """A source, and how many of its events are kept back."""

    name: str
    paused: Pause | None = None
    held: int | None = None


class Overview(Answer, frozen=True, kw_only=True):
    """Every queue and every source."""

    at: datetime
    queues: tuple[QueueStats, ...] = ()
    sources: tuple[SourceStats, ...] = ()


class Changed(Answer, frozen=True, kw_only=True):
    """A consumer or a source that was to be paused or resumed."""

    queue: str | None = None
    consumer: str | None = None
    source: str | None = None
    paused: Pause | None = None
    changed: bool = False


class PauseAnswer(Answer, frozen=True, kw_only=True):
    """What pausing or resuming came to."""

    changed: tuple[Changed, ...] = ()
    warnings: tuple[str, ...] = ()


class ProcessedMessage(Answer, frozen=True, kw_only=True):
    """One message that was processed on demand, by SQS's id, or on Redis by its own."""

    id: str
    outcome: str


class ProcessAnswer(Answer, frozen=True, kw_only=True):
    """What processing on demand came to."""

    received: int
    done: int
    failed: int
    unfinished: bool = False
    messages: tuple[ProcessedMessage, ...] = ()


class PurgeAnswer(Answer, frozen=True, kw_only=True):
    """What one round of purging came to."""

    purged: int
    kept: int
    in_flight: int
    more: bool
    before: str


class Item(Answer, frozen=True, kw_only=True):
    """A message and one of its consumers, as lists show it."""

    id: str
    key: str
    queue: str
    consumer: str
    state: str
    at: datetime | None = None
    reason: str | None = None
    fault: str | None = msgspec.field(default=None, name="class")
    error_type: str | None = None
    error: str | None = None
    type: str | None = None
    source: str | None = None
    ordering_key: str | None = None
    tenant: str | None = None
    attempt: int = 0
    crashes: int = 0
    replays: int = 0


class Group(Answer, frozen=True, kw_only=True):
    """Items whose errors are alike."""

    count: int
    first: datetime
    last: datetime
    example: Item
    error_type: str | None = None
    error: str | None = None
    reason: str | None = None


class Listing(Answer, frozen=True, kw_only=True):
    """A page of items, or groups of all of them."""

    items: tuple[Item, ...] = ()
    cursor: str | None = None
    groups: tuple[Group, ...] | None = None
    total: int | None = None
    total_is_exact: bool | None = None


class Failure(Answer, frozen=True, kw_only=True):
    """An attempt that failed."""

    attempt: int
    at: datetime
    error_type: str = ""
    error: str = ""
    stack: str = ""
    duration_ms: float = 0
    version: str | None = None
    request_id: str | None = None


class Message(Answer, frozen=True, kw_only=True):
    """What is kept of a message: `text` that nobody could read, `missing` where it is gone, else its payload."""

    text: str | None = None
    missing: str | None = None
    data: Any = UNSET
    data_base64: str | UnsetType = msgspec.field(default=UNSET, name="dataBase64")


class Edited(Answer, frozen=True, kw_only=True):
    """Who changed a dead letter last."""

    at: datetime
    by: str


class Replayed(Answer, frozen=True, kw_only=True):
    """One replay of a message."""

    replay: str
    at: datetime
    by: str
    reason: str | None = None
    again: bool = False


class FullItem(Item, frozen=True, kw_only=True):
    """An item whole."""

    lease_ends: datetime | None = None
    due: datetime | None = None
    sent_at: datetime | None = None
    history: tuple[Failure, ...] = ()
    message: Message | None = None
    original: Message | None = None
    edited: Edited | None = None
    replayed: tuple[Replayed, ...] = ()


class Received(Answer, frozen=True, kw_only=True):
    """An acceptance at the edge."""

    queue: str
    id: str
    key: str
    accepted_at: datetime
    repeats_until: datetime
    source: str | None = None
    type: str | None = None
    window: int = 0


class Found(Answer, frozen=True, kw_only=True):
    """Everything that is known of a name."""

    name: str
    received: tuple[Received, ...] = ()
    items: tuple[FullItem, ...] = ()
    trouble: tuple[str, ...] = ()


class Deleted(Answer, frozen=True, kw_only=True):
    """A message that was taken away from one consumer."""

    queue: str
    consumer: str
    id: str
    was: str


class DeleteAnswer(Answer, frozen=True, kw_only=True):
    """What was taken away."""

    deleted: tuple[Deleted, ...] = ()


class Selection(Answer, frozen=True, kw_only=True):
    """Which dead letters a replay means."""

    ids: tuple[str, ...] | None = None
    filter: dict[str, Any] | None = None
    all: bool = False


class Skipped(Answer, frozen=True, kw_only=True):
    """Messages that a replay didn't send, by why."""

    completed: int = 0
    busy: int = 0
    too_often: int = 0
    gone: int = 0
    not_kept: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.completed + self.busy + self.too_often + self.gone + self.not_kept


class Replay(Answer, frozen=True, kw_only=True):
    """A replay as it stands."""

    id: str
    queue: str
    state: str
    by: str
    asked_at: datetime
    selection: Selection
    consumer: str | None = None
    stopped_because: str | None = None
    first: int | None = None
    rate: float | None = None
    again: bool = False
    any_number: bool = False
    stop_after: int | None = None
    reason: str | None = None
    ended_at: datetime | None = None
    selected: int | None = None
    sent: int = 0
    skipped: Skipped = Skipped()
    failed_again: int = 0
    ordering_keys: int | None = None
    notes: tuple[str, ...] = ()

    @property
    def goes_on(self) -> bool:
        """Whether it has more to do."""
        return self.state == "running"


class RunningReplays(Answer, frozen=True, kw_only=True):
    """The replays that go on."""

    replays: tuple[Replay, ...] = ()
