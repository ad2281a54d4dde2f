"""Whether a dead letter may be put back: a pure decision, the same for every store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from headworks.ledger.dead_letters import Refusal
from headworks.ledger.ledger import State

if TYPE_CHECKING:
    from datetime import datetime

    from headworks.ledger.catalogue import Replayed
    from headworks.ledger.dead_letters import Putting
    from headworks.ledger.item import Item

DEAD = frozenset({State.DEAD, State.REPLAYING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A key's item, when it died, and the last replay that is on record with it."""

    item: Item
    died_at: datetime | None
    last: Replayed | None

    @property
    def number(self) -> int:
        """Which replay of its message the next one is; one that never led to an attempt or a death isn't counted."""
        return self.item.replays if self._led_nowhere else self.item.replays + 1

    @property
    def _led_nowhere(self) -> bool:
        if self.last is None:
            return False
        if self.item.state is State.COMPLETED:
            return self.item.attempt == self.item.earlier
        return self.item.state in DEAD and self.died_at is not None and self.died_at < self.last.at

    def refusal(self, putting: Putting, now: datetime) -> Refusal | None:
        """Why this replay may not claim it, if it may not.

        What the same replay has claimed and not sent it may claim again; what it has sent, whatever
        became of that, never.
        """
        is_mine = self.last is not None and self.last.replay == putting.replay
        if is_mine and not self._led_nowhere:
            return Refusal.SENT
        match self.item.state:
            case State.REPLAYING if not is_mine and not self.is_claim_over(now):
                return Refusal.BUSY
            case State.DEAD | State.REPLAYING if self.died_at is None or self.died_at >= putting.died_before:
                return Refusal.BUSY
            case State.DEAD | State.REPLAYING:
                pass
            case State.CANCELLED:
                return Refusal.GONE
            case State.COMPLETED if not putting.again:
                return Refusal.COMPLETED
            case State.RUNNING | State.RETRYING | State.WAITING:
                return Refusal.BUSY
        return Refusal.TOO_OFTEN if putting.most is not None and self.number > putting.most else None

    def is_claim_over(self, now: datetime) -> bool:
        """Whether a claim of it has ended without being marked."""
        return self.item.due is None or self.item.due <= now

    def may_be_changed(self, now: datetime) -> bool:
        """Whether it is a dead letter that nobody is putting back."""
        return self.item.state is State.DEAD or (
            self.item.state is State.REPLAYING and self.is_claim_over(now)
        )
