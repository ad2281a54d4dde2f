"""Where is my event?  What is known of a name: at the edge, and with each consumer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from headworks.ledger.catalogue import Address, Story


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """An acceptance at the edge.  An equal key that comes before `repeats_until` is its duplicate.

    `window` counts the windows that the key has had before.  Acceptances from before they were kept have no
    source and no type.  One that was `forgotten` was removed: purged, or deleted.
    """

    queue: str
    message_id: str
    key: str
    accepted_at: datetime
    repeats_until: datetime
    window: int = 0
    source: str | None = None
    type: str | None = None
    forgotten: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Everything that is known of a name.

    `queued` are the consumers of what was accepted that know nothing of it yet, `accepted` those over
    Redis that may have it still, or be done with it: that isn't known there.  `trouble` says what couldn't be
    asked.
    """

    received: tuple[Received, ...] = ()
    stories: tuple[Story, ...] = ()
    queued: tuple[tuple[Address, Received], ...] = ()
    accepted: tuple[tuple[Address, Received], ...] = ()
    trouble: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known."""
        return not (self.received or self.stories or self.queued or self.accepted)


class Finder(Protocol):
    """Who finds."""

    def find(self, name: str) -> Found:
        """By a message id, an idempotency key, a provider's event id or an order id, in a few keyed reads.

        Raises `Unavailable`.
        """
