"""StartMessageMoveTask: a dead-letter queue's messages back to where they came from."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from headworks.testing.sqs.message import State

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from headworks.testing.sqs.queue import SimulatedQueue

MOST_PER_SECOND = 500
SECOND = timedelta(seconds=1)


class MoveTask:
    """One run over the messages that are there when it starts, at most so many a second."""

    def __init__(
        self,
        handle: str,
        source: SimulatedQueue,
        destination: Callable[[str | None], SimulatedQueue | None],
        started_at: datetime,
        *,
        per_second: int | None,
        destination_arn: str | None,
    ) -> None:
        self.handle = handle
        self.source = source
        self.status = "RUNNING"
        self._destination = destination
        self._started_at = started_at
        self._per_second = per_second
        self._destination_arn = destination_arn
        self._moved = 0
        self._to_move = source.available

    def move_some(self) -> bool:
        """Move a second's worth; whether there is more to do."""
        available = [message for message in self.source.messages if message.state is State.AVAILABLE]
        left = self._to_move - self._moved
        for message in available[: min(left, self._per_second or MOST_PER_SECOND)]:
            target = self._destination(message.dead_letter_source)
            if target is None:
                self.status = "FAILED"
                return False
            self.source.move(message, target)
            self._moved += 1
        if not available or self._moved >= self._to_move:
            self.status = "COMPLETED"
        return self.status == "RUNNING"

    def cancel(self) -> int:
        """Stop here; how many were moved."""
        self.status = "CANCELLED"
        return self._moved

    def described(self) -> dict[str, Any]:
        """As ListMessageMoveTasks shows it: only a running one has its handle."""
        optional = {
            "TaskHandle": self.handle if self.status == "RUNNING" else None,
            "DestinationArn": self._destination_arn,
            "MaxNumberOfMessagesPerSecond": self._per_second,
            "FailureReason": "CouldNotDetermineMessageSource" if self.status == "FAILED" else None,
        }
        return {
            "Status": self.status,
            "SourceArn": self.source.arn,
            "ApproximateNumberOfMessagesMoved": self._moved,
            "ApproximateNumberOfMessagesToMove": self._to_move,
            "StartedTimestamp": int(self._started_at.timestamp() * 1000),
            **{name: value for name, value in optional.items() if value is not None},
        }
