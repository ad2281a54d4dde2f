"""The ledger contract: what is known of each (queue, consumer, idempotency key)."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import timedelta


class Lease(Enum):
    """The answer to asking for the right to run a message now."""

    GRANTED = "granted"
    COMPLETED = "completed"
    HELD_ELSEWHERE = "held elsewhere"


class Ledger(Protocol):
    """One consumer's memory of what it runs and has run.

    Every method raises `Unavailable` when its store doesn't answer.
    """

    def lease(self, key: str, *, ends: timedelta) -> Lease:
        """Ask for the right to run this key; a lease that isn't completed or released ends by itself after `ends`."""

    def complete(self, key: str) -> None:
        """Remember that the effect of this key has happened."""

    def release(self, key: str) -> None:
        """Give the lease back: the attempt failed, another may start."""
