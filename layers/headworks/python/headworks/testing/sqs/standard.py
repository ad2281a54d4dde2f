"""The order of a standard queue: the longest available first, noisy tenants last."""

from __future__ import annotations

import heapq
from itertools import count
from typing import TYPE_CHECKING

from headworks.testing.sqs.message import State

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from headworks.testing.sqs.message import StoredMessage

    _Place = tuple[float, int]


class StandardLine:
    """By the moment of becoming available, or by lot if there is a `lot`.

    A standard queue promises no order; this one keeps to one unless it is told to shuffle.
    Messages of tenants that `is_noisy` come after everybody else's (fair queues).
    """

    def __init__(self, is_noisy: Callable[[str], bool], lot: Random | None = None) -> None:
        self._is_noisy = is_noisy
        self._lot = lot
        self._arrivals = count()
        self._waiting: dict[str | None, list[tuple[_Place, int, StoredMessage]]] = {}
        self._heads: list[tuple[_Place, str | None]] = []

    @property
    def has_next(self) -> bool:
        while self._heads:
            place, tenant = self._heads[0]
            if self._head_of(tenant) == place:
                return True
            heapq.heappop(self._heads)
        return False

    def add(self, message: StoredMessage) -> None:
        pass

    def make_available(self, message: StoredMessage) -> None:
        place = (self._lot.random() if self._lot else 0.0, next(self._arrivals))
        heapq.heappush(self._waiting.setdefault(message.group, []), (place, message.turn, message))
        if self._head_of(message.group) == place:
            heapq.heappush(self._heads, (place, message.group))

    def remove(self, message: StoredMessage) -> None:
        # Dropped when its place comes up.
        pass

    def take(
        self, most: int, is_exhausted: Callable[[StoredMessage], bool]
    ) -> tuple[list[StoredMessage], list[StoredMessage]]:
        delivered: list[StoredMessage] = []
        exhausted: list[StoredMessage] = []
        noisy: list[str | None] = []
        while len(delivered) < most and self.has_next:
            _, tenant = heapq.heappop(self._heads)
            if tenant is not None and self._is_noisy(tenant):
                noisy.append(tenant)
            else:
                self._take_head(tenant, delivered, exhausted, is_exhausted)
        for tenant in noisy:
            while len(delivered) < most and self._head_of(tenant) is not None:
                self._take_head(tenant, delivered, exhausted, is_exhausted)
            self._put_back(tenant)
        return delivered, exhausted

    def _take_head(
        self,
        tenant: str | None,
        delivered: list[StoredMessage],
        exhausted: list[StoredMessage],
        is_exhausted: Callable[[StoredMessage], bool],
    ) -> None:
        _, _, message = heapq.heappop(self._waiting[tenant])
        (exhausted if is_exhausted(message) else delivered).append(message)
        self._put_back(tenant)

    def _put_back(self, tenant: str | None) -> None:
        if (head := self._head_of(tenant)) is not None:
            heapq.heappush(self._heads, (head, tenant))

    def _head_of(self, tenant: str | None) -> _Place | None:
        waiting = self._waiting.get(tenant)
        while waiting:
            place, turn, message = waiting[0]
            if message.state is State.AVAILABLE and message.turn == turn:
                return place
            heapq.heappop(waiting)
        self._waiting.pop(tenant, None)
        return None
