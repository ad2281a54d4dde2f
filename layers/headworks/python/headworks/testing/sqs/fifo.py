"""The order of a FIFO queue: groups by the moment of becoming available, messages of a group as they were sent."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from headworks.testing.sqs.message import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from headworks.testing.sqs.message import StoredMessage


class FifoLine:
    """As many of one group as there are, then the next group.

    A group is handed out from its first message up to the first that isn't available: a
    hidden first message blocks the rest.
    """

    def __init__(self) -> None:
        self._groups: dict[str | None, OrderedDict[int, StoredMessage]] = {}
        self._ready: deque[tuple[str | None, int, StoredMessage]] = deque()

    @property
    def has_next(self) -> bool:
        while self._ready:
            group, turn, message = self._ready[0]
            if message.state is State.AVAILABLE and message.turn == turn and self._first_of(group) is message:
                return True
            self._ready.popleft()
        return False

    def add(self, message: StoredMessage) -> None:
        self._groups.setdefault(message.group, OrderedDict())[message.key] = message

    def make_available(self, message: StoredMessage) -> None:
        if self._first_of(message.group) is message:
            self._line_up(message)

    def remove(self, message: StoredMessage) -> None:
        was_first = self._first_of(message.group) is message
        group = self._groups[message.group]
        del group[message.key]
        if not group:
            del self._groups[message.group]
        elif was_first and (first := next(iter(group.values()))).state is State.AVAILABLE:
            self._line_up(first)

    def take(
        self, most: int, is_exhausted: Callable[[StoredMessage], bool]
    ) -> tuple[list[StoredMessage], list[StoredMessage]]:
        delivered: list[StoredMessage] = []
        exhausted: list[StoredMessage] = []
        while len(delivered) < most and self.has_next:
            group, _, _ = self._ready.popleft()
            for message in self._groups[group].values():
                if message.state is not State.AVAILABLE or len(delivered) == most:
                    break
                (exhausted if is_exhausted(message) else delivered).append(message)
        return delivered, exhausted

    def _first_of(self, group: str | None) -> StoredMessage | None:
        messages = self._groups.get(group)
        return next(iter(messages.values())) if messages else None

    def _line_up(self, message: StoredMessage) -> None:
        self._ready.append((message.group, message.turn, message))
