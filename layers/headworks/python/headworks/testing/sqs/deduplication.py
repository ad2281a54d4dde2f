"""What a FIFO queue remembers of sends."""

from __future__ import annotations

from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from headworks.testing.sqs.message import StoredMessage

INTERVAL = timedelta(minutes=5)


class Deduplication:
    """Deduplication ids of the last five minutes, whatever became of their messages since."""

    def __init__(self) -> None:
        self._sent: dict[tuple[str | None, str], StoredMessage] = {}
        self._ends: deque[tuple[datetime, tuple[str | None, str]]] = deque()

    def look_up(self, scope: str | None, deduplication_id: str, now: datetime) -> StoredMessage | None:
        """The message that was sent under this id before, if the interval isn't over."""
        while self._ends and self._ends[0][0] <= now:
            del self._sent[self._ends.popleft()[1]]
        return self._sent.get((scope, deduplication_id))

    def remember(self, scope: str | None, deduplication_id: str, message: StoredMessage) -> None:
        key = (scope, deduplication_id)
        self._sent[key] = message
        self._ends.append((message.sent_at + INTERVAL, key))
