"""The producer: puts messages on a queue, once per idempotency key and window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headworks.message import JSON_TYPE

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A payload and the attributes that the sender gives it."""

    data: Any
    type: str
    source: str
    idempotency_key: str | None = None
    subject: str | None = None
    data_content_type: str = JSON_TYPE
    ordering_key: str | None = None
    tenant: str | None = None
    traceparent: str | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """On the queue: now, or (`duplicate`) earlier, under the id that it got then."""

    message_id: str
    duplicate: bool = False
