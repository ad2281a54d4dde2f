"""Messages as the ledger and the edge know them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from administer.documents.document import Document
from headworks.outcome import Fault, Reason

if TYPE_CHECKING:
    from headworks.ledger import catalogue, ledger
    from headworks.operations import finding

# The ledger's own, and `queued`: accepted, and nothing is known of an attempt yet; `accepted`: over Redis, where it
# isn't known whether it is done.
State = Literal[
    "dead", "retrying", "waiting", "running", "replaying", "completed", "cancelled", "queued", "accepted"
]


class Item(Document):
    """What is known of a message with one consumer, as lists show it."""

    id: str
    key: str
    queue: str
    consumer: str
    state: State
    at: datetime | None
    reason: Reason | None
    fault: Fault | None = Field(alias="class")
    error_type: str | None
    error: str | None
    type: str
    source: str
    ordering_key: str | None
    tenant: str | None
    attempt: int
    crashes: int
    replays: int

    @classmethod
    def of(cls, listed: catalogue.Listed) -> Item:
        """An item of a list."""
        return cls(**header(listed))


class Failure(Document):
    """One attempt that failed."""

    attempt: int
    at: datetime
    error_type: str
    error: str
    stack: str
    duration_ms: int
    version: str
    request_id: str

    @classmethod
    def of(cls, failure: ledger.Failure) -> Failure:
        """An attempt of a history."""
        return cls(
            attempt=failure.attempt,
            at=failure.at,
            error_type=failure.error_type,
            error=failure.error,
            stack=failure.stack,
            duration_ms=failure.duration_ms,
            version=failure.version,
            request_id=failure.request_id,
        )


class Unread(Document):
    """A body that nobody could read, as it came."""

    text: str


class Missing(Document):
    """A body that isn't there, and why."""

    missing: str


class JsonMessage(Document):
    """A message whose payload is JSON."""

    time: datetime
    subject: str | None
    data_content_type: str
    traceparent: str | None
    expires_at: datetime | None
    data: Any


class BinaryMessage(Document):
    """A message whose payload isn't JSON, or says that it is and isn't."""

    time: datetime
    subject: str | None
    data_content_type: str
    traceparent: str | None
    expires_at: datetime | None
    data_base64: str


Message = Unread | Missing | JsonMessage | BinaryMessage


class Edited(Document):
    """Who changed a dead letter's message last."""

    at: datetime
    by: str


class Replayed(Document):
    """What is on record of one replay of a message."""

    replay: str
    at: datetime
    by: str
    reason: str | None
    again: bool

    @classmethod
    def of(cls, replayed: catalogue.Replayed) -> Replayed:
        """A replay of a message's story."""
        return cls(
            replay=replayed.replay,
            at=replayed.at,
            by=replayed.by,
            reason=replayed.reason,
            again=replayed.again,
        )


class FullItem(Item):
    """An item whole: every attempt that failed, and the message of one that is kept."""

    lease_ends: datetime | None
    due: datetime | None
    sent_at: datetime | None
    history: list[Failure]
    message: Message | None
    original: Message | None
    edited: Edited | None
    replayed: list[Replayed]


class Received(Document):
    """An acceptance at the edge; an equal key that comes before `repeatsUntil` is its duplicate."""

    queue: str
    id: str
    key: str
    accepted_at: datetime
    source: str | None
    type: str | None
    repeats_until: datetime
    window: int

    @classmethod
    def of(cls, received: finding.Received) -> Received:
        """An acceptance as it is told."""
        return cls(
            queue=received.queue,
            id=received.message_id,
            key=received.key,
            accepted_at=received.accepted_at,
            source=received.source,
            type=received.type,
            repeats_until=received.repeats_until,
            window=received.window,
        )


class Found(Document):
    """Everything that is known of a name; `trouble` says what couldn't be asked."""

    name: str
    received: list[Received]
    items: list[FullItem]
    trouble: list[str]


class Group(Document):
    """Items whose errors are alike: `error` has `...` where they differ, `example` is the newest one."""

    count: int
    error_type: str | None
    error: str | None
    reason: Reason | None
    first: datetime
    last: datetime
    example: Item

    @classmethod
    def of(cls, group: catalogue.Group) -> Group:
        """A group of a list."""
        return cls(
            count=group.count,
            error_type=group.error_type or None,
            error=group.error or None,
            reason=group.reason,
            first=group.first,
            last=group.last,
            example=Item.of(group.example),
        )


class Listing(Document):
    """A page of a list, or its groups: there is more where there is a cursor."""

    items: list[Item]
    cursor: str | None
    groups: list[Group] | None
    total: int | None
    total_is_exact: bool | None


class Deleted(Document):
    """A message that was taken away for good, and the state that it was in."""

    queue: str
    consumer: str
    id: str
    was: Literal["dead", "waiting"]


class DeleteAnswer(Document):
    """What was taken away."""

    deleted: list[Deleted]


def header(listed: catalogue.Listed) -> dict[str, Any]:
    """The members that every item has."""
    entry = listed.entry
    return {
        "id": entry.message_id,
        "key": entry.key,
        "queue": listed.address.queue,
        "consumer": listed.address.consumer,
        "state": listed.state.value,
        "at": listed.at,
        "reason": listed.reason,
        "fault": listed.fault,
        "error_type": listed.error_type or None,
        "error": listed.error or None,
        "type": entry.type,
        "source": entry.source,
        "ordering_key": entry.ordering_key,
        "tenant": entry.tenant,
        "attempt": listed.attempt,
        "crashes": listed.crashes,
        "replays": listed.replays,
    }
