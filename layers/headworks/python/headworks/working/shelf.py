"""What a worker of a queue on SQS has fetched and not started yet."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from headworks.brokers.broker import Delivery


class Shelf:
    """Deliveries in the order in which they came.  For one thread.

    A lane is what must not run side by side: on FIFO an ordering key's messages, else each message.
    """

    def __init__(self, *, fifo: bool, now: Callable[[], float] = time.monotonic) -> None:
        self._fifo = fifo
        self._now = now
        self._waiting: deque[tuple[float, Delivery]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def age(self) -> float:
        """For how many seconds the first of them has been here."""
        return self._now() - self._waiting[0][0] if self._waiting else 0.0

    def put(self, deliveries: Sequence[Delivery]) -> None:
        """These came."""
        now = self._now()
        self._waiting.extend((now, each) for each in deliveries)

    def lane_of(self, delivery: Delivery) -> str:
        """The name of its lane."""
        return delivery.ordering_key or delivery.receipt if self._fifo else delivery.receipt

    def take(self, lanes: int, *, busy: Collection[str] = ()) -> list[Delivery]:
        """All that is here of so many lanes, but of none that is busy."""
        chosen: set[str] = set()
        taken: list[Delivery] = []
        left: deque[tuple[float, Delivery]] = deque()
        for came, delivery in self._waiting:
            lane = self.lane_of(delivery)
            if lane in busy or (lane not in chosen and len(chosen) >= lanes):
                left.append((came, delivery))
            else:
                chosen.add(lane)
                taken.append(delivery)
        self._waiting = left
        return taken

    def clear(self) -> list[Delivery]:
        """Everything."""
        taken = [delivery for _, delivery in self._waiting]
        self._waiting.clear()
        return taken
