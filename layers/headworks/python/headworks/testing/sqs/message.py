"""A message as a queue keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from headworks.testing.sqs.content import Content


class State(StrEnum):
    """Where a message is; each but the last is one of SQS's `ApproximateNumberOfMessages...`."""

    AVAILABLE = "available"
    IN_FLIGHT = "in flight"
    DELAYED = "delayed"
    GONE = "gone"


@dataclass(slots=True, eq=False)
class StoredMessage:
    """A message on a queue, and all that SQS knows of it.

    `receive_count` counts receives, not attempts.  `retained_since` is when its retention
    began, which isn't always when it was sent.  `turn` counts how often it became available.
    """

    id: str
    content: Content
    sent_at: datetime
    retained_since: datetime
    visible_at: datetime
    group: str | None = None
    deduplication_id: str | None = None
    sequence_number: str | None = None
    trace_header: str | None = None
    dead_letter_source: str | None = None
    receive_count: int = 0
    first_received_at: datetime | None = None
    received_at: datetime | None = None
    receipt: str | None = None
    state: State = State.DELAYED
    key: int = 0
    turn: int = 0

    @property
    def body(self) -> str:
        return self.content.body

    def system_attributes(self) -> dict[str, str]:
        """By their AWS names, as strings: the ones it has."""
        optional = {
            "MessageGroupId": self.group,
            "MessageDeduplicationId": self.deduplication_id,
            "SequenceNumber": self.sequence_number,
            "AWSTraceHeader": self.trace_header,
            "DeadLetterQueueSourceArn": self.dead_letter_source,
        }
        return {
            "ApproximateReceiveCount": str(self.receive_count),
            "SentTimestamp": _milliseconds(self.sent_at),
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": _milliseconds(self.first_received_at or self.sent_at),
            **{name: value for name, value in optional.items() if value is not None},
        }


def _milliseconds(moment: datetime) -> str:
    return str(round(moment.timestamp() * 1000))
