"""What the edge has accepted: remembered after the send, never before.

A crash between the two costs a duplicate, which the ledger absorbs; the other order would
lose the event for good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from headworks.clock import SystemClock
from headworks.errors import Unavailable

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from headworks.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """An acceptance: which message, and until when an equal key is its duplicate.

    `epoch` counts the windows that this key has had before: after its window an equal key
    is an honest repeat, with an effect of its own.
    """

    message_id: str
    window_ends: datetime
    epoch: int = 0


class Deduplication(Protocol):
    """The memory of one queue's edge."""

    def look_up(self, key: str) -> Remembered | None:
        """What was accepted under this key, if anything.  Raises `Unavailable`."""

    def remember(self, key: str, remembered: Remembered) -> None:
        """Write an acceptance down.  Raises `Unavailable`."""
