"""A clock that a test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


class Keeper(Protocol):
    """Whoever makes things happen while a clock moves."""

    def pass_time(self, step: timedelta) -> None:
        """Move the clock, with what falls due meanwhile."""


class MovingClock:
    """Stands still until it is moved.

    A clock that has a keeper (`SimulatedAws`) is moved by it: what is due happens on the way.
    """

    def __init__(self, now: datetime = NEW_YEAR) -> None:
        self._now = now
        self._keeper: Keeper | None = None

    def now(self) -> datetime:
        return self._now

    def advance(self, step: timedelta) -> None:
        """Let time pass."""
        if self._keeper is None:
            self._now += step
        else:
            self._keeper.pass_time(step)

    def keep(self, keeper: Keeper) -> None:
        """Leave the moving of this clock to a keeper.  Raises `ValueError` if it has one already."""
        if self._keeper is not None:
            raise ValueError("this clock is kept already: give every simulation a clock of its own")
        self._keeper = keeper

    def set(self, now: datetime) -> None:
        """Move the clock itself: for its keeper, who alone knows what is due before then."""
        self._now = now
