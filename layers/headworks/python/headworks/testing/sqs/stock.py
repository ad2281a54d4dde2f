"""The messages of a queue, by where they are now."""

from __future__ import annotations

import heapq
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING

from headworks.testing.sqs.message import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime, timedelta

    from headworks.testing.sqs.line import Line
    from headworks.testing.sqs.message import StoredMessage

NOISY_SHARE = 0.1
NOISY_MESSAGES = 30


class Stock:
    """Keeps every message in its state as time passes, and counts them.

    Nothing here costs more than the logarithm of the backlog.
    """

    def __init__(self, line: Callable[[Callable[[str], bool]], Line]) -> None:
        self.line = line(self._is_noisy)
        self._messages: dict[int, StoredMessage] = {}
        self._keys = count(1)
        self._hidden: list[tuple[datetime, int, StoredMessage]] = []
        self._retained: list[tuple[datetime, int, StoredMessage]] = []
        self._order = count()
        self._counts: Counter[State] = Counter()
        self._in_flight_of: Counter[str | None] = Counter()

    def __iter__(self) -> Iterator[StoredMessage]:
        return iter(self._messages.values())

    def count(self, state: State) -> int:
        return self._counts[state]

    def get(self, key: int) -> StoredMessage | None:
        return self._messages.get(key)

    def add(self, message: StoredMessage) -> None:
        """Put a new message here; it becomes available when it is visible."""
        message.key = next(self._keys)
        message.state = State.GONE
        self._messages[message.key] = message
        self.line.add(message)
        heapq.heappush(self._retained, (message.retained_since, next(self._order), message))
        self._hide(message, State.DELAYED)

    def hide(self, message: StoredMessage, until: datetime) -> None:
        """Have a received message come back then."""
        message.visible_at = until
        self._hide(message, State.IN_FLIGHT)

    def remove(self, message: StoredMessage) -> None:
        self._move(message, State.GONE)
        del self._messages[message.key]
        self.line.remove(message)

    def pass_time(self, now: datetime, retention: timedelta) -> None:
        """Make available what is visible by now, and drop what was retained long enough."""
        while (due := self.next_visible) is not None and due <= now:
            self._make_available(heapq.heappop(self._hidden)[2])
        while self._retained and self._retained[0][0] + retention <= now:
            message = heapq.heappop(self._retained)[2]
            if message.state is not State.GONE:
                self.remove(message)

    @property
    def next_visible(self) -> datetime | None:
        """When a hidden message next becomes visible."""
        while self._hidden:
            due, _, message = self._hidden[0]
            if message.state in (State.IN_FLIGHT, State.DELAYED) and message.visible_at == due:
                return due
            heapq.heappop(self._hidden)
        return None

    def _hide(self, message: StoredMessage, state: State) -> None:
        self._move(message, state)
        heapq.heappush(self._hidden, (message.visible_at, next(self._order), message))

    def _make_available(self, message: StoredMessage) -> None:
        self._move(message, State.AVAILABLE)
        message.turn += 1
        self.line.make_available(message)

    def _move(self, message: StoredMessage, state: State) -> None:
        self._counts[message.state] -= 1
        self._counts[state] += 1
        self._in_flight_of[message.group] += (state is State.IN_FLIGHT) - (message.state is State.IN_FLIGHT)
        message.state = state

    def _is_noisy(self, tenant: str) -> bool:
        """Whether a tenant holds so much of what is in flight that others come first (fair queues)."""
        own = self._in_flight_of[tenant]
        return own >= NOISY_MESSAGES and own > NOISY_SHARE * self._counts[State.IN_FLIGHT]
