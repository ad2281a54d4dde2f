"""What a ledger's item says to somebody who wants to run its key: a pure decision, the same for every store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from headworks.ledger.ledger import Closed, Entry, Failure, Held, Lease, State, Suspect

# Machines' clocks differ a little, and a message may not wait a whole visibility timeout for that.
CLOCK_SLACK = timedelta(seconds=1)
# The first failures tell what went wrong, the last ones what still does.
MOST_FAILURES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A key's item as it was read.

    `due` is when a retrying or waiting one may start, and when the claim of a replaying one ends.
    `earlier` are the attempts before its last replay, `replays` how many put it back, `generation` how
    often it ran though it was completed.
    """

    entry: Entry
    state: State
    owner: str
    attempt: int
    ends: datetime
    crashes: int = 0
    due: datetime | None = None
    history: tuple[Failure, ...] = ()
    earlier: int = 0
    replays: int = 0
    generation: int = 0

    def may_start(self, now: datetime) -> bool:
        """Whether an attempt may start now."""
        if self.state in (State.RETRYING, State.WAITING):
            return self.due is None or now + CLOCK_SLACK >= self.due
        return self.state is State.REPLAYING

    def answer(self, now: datetime, owner: str) -> Lease | Closed | Held | Suspect:
        """What to say to `owner`, for whom no attempt may start.

        A running item of its own is the echo of a write whose reply was lost.
        """
        if self.state is State.RUNNING and self.owner == owner:
            return self.as_lease()
        if self.state is State.RUNNING and now >= self.ends:
            return Suspect(
                entry=self.entry,
                owner=self.owner,
                attempt=self.attempt,
                crashes=self.crashes,
                history=self.history,
                earlier=self.earlier,
            )
        if self.state is State.RUNNING:
            return Held(until=self.ends, why="its key is being processed elsewhere")
        if self.state is State.RETRYING and self.due is not None:
            return Held(until=self.due, why="its next attempt isn't due yet")
        return Closed(state=self.state)

    def as_lease(self) -> Lease:
        """The lease that a running item stands for."""
        return Lease(
            entry=self.entry,
            owner=self.owner,
            attempt=self.attempt,
            ends=self.ends,
            crashes=self.crashes,
            history=self.history,
            earlier=self.earlier,
            replays=self.replays,
            generation=self.generation,
        )


def bounded(history: tuple[Failure, ...], failure: Failure | None) -> tuple[Failure, ...]:
    """A history with one more failure, and never more than are kept: the first one and the latest."""
    if failure is None:
        return history
    longer = (*(each for each in history if each.attempt != failure.attempt), failure)
    return longer if len(longer) <= MOST_FAILURES else (longer[0], *longer[-(MOST_FAILURES - 1) :])
