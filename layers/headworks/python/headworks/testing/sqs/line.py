"""The order in which a queue hands out what is available: the contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from headworks.testing.sqs.message import StoredMessage


class Line(Protocol):
    """Who is next.  It holds available messages only; time is the queue's."""

    @property
    def has_next(self) -> bool:
        """Whether anything could be taken now."""

    def add(self, message: StoredMessage) -> None:
        """A message is on the queue from now on, available or not."""

    def make_available(self, message: StoredMessage) -> None:
        """A message's time has come, first or again."""

    def remove(self, message: StoredMessage) -> None:
        """A message is gone."""

    def take(
        self, most: int, is_exhausted: Callable[[StoredMessage], bool]
    ) -> tuple[list[StoredMessage], list[StoredMessage]]:
        """The next messages to deliver, and those that were passed on the way because they are exhausted.

        Whoever takes them must hide the former and remove the latter.
        """
