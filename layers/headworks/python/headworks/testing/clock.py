"""A clock that a test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


class MovingClock:
    """Stands still until it is moved."""

    def __init__(self, now: datetime = NEW_YEAR) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def advance(self, step: timedelta) -> None:
        """Let time pass."""
        self._now += step
