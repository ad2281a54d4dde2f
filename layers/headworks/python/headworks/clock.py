"""What time it is, as an argument: tests move it, nothing sleeps."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where a decision asks for the time."""

    def now(self) -> datetime:
        """The time now, with its time zone."""


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)
