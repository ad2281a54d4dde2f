"""Dead letters in memory, for tests: those of a ledger in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from headworks.clock import SystemClock
from headworks.ledger.catalogue import Edited, Replayed
from headworks.ledger.claiming import DEAD, Candidate
from headworks.ledger.dead_letters import Claim, Refusal, Taken
from headworks.ledger.ledger import SENT_AHEAD, State

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from headworks.clock import Clock
    from headworks.ledger.dead_letters import Putting
    from headworks.ledger.item import Item
    from headworks.ledger.ledger import Letter
    from headworks.ledger.memory import MemoryLedger

MOMENT = timedelta(milliseconds=1)


class MemoryDeadLetters:
    """What a ledger in memory keeps of the dead, under the ledger's own lock."""

    def __init__(self, ledger: MemoryLedger, clock: Clock | None = None) -> None:
        self._ledger = ledger
        self._clock = clock or SystemClock()

    def claim(self, keys: Sequence[str], putting: Putting, *, lasts: timedelta) -> list[Claim | Refusal]:
        with self._ledger.open():
            answers = {key: self._claim(key, putting, lasts) for key in dict.fromkeys(keys)}
            return [answers[key] for key in keys]

    def sent(self, claims: Sequence[Claim]) -> None:
        with self._ledger.open():
            now = self._clock.now()
            for claim in claims:
                if (item := self._mine(claim)) is not None:
                    self._put(replace(item, state=State.RETRYING, due=now))
                    self._ledger.listed_at[claim.entry.key] = now

    def give_back(self, claims: Sequence[Claim]) -> None:
        with self._ledger.open():
            for claim in claims:
                if (item := self._mine(claim)) is None:
                    continue
                if claim.was is State.COMPLETED:
                    self._put(replace(item, state=State.COMPLETED, due=None, generation=claim.generation - 1))
                    self._ledger.listed_at.pop(claim.entry.key, None)
                else:
                    self._put(replace(item, state=State.DEAD, due=None))

    def edit(self, key: str, letter: Letter, *, by: str) -> State | None:
        with self._ledger.open():
            candidate, now = self._candidate(key), self._clock.now()
            if candidate is None:
                return None
            if not candidate.may_be_changed(now):
                return candidate.item.state
            first, reason = self._ledger.letters[key]
            self._ledger.originals.setdefault(key, first)
            self._ledger.letters[key] = (letter, reason)
            self._ledger.edited[key] = Edited(at=now, by=by)
            self._put(replace(candidate.item, state=State.DEAD, owner=f"edit/{uuid4().hex}", due=None))
            return State.DEAD

    def take_away(self, key: str) -> Taken | State | None:
        with self._ledger.open():
            candidate, now = self._candidate(key), self._clock.now()
            if candidate is None:
                return None
            item = candidate.item
            waits_on = item.state is State.WAITING and item.due is not None and item.due > now + SENT_AHEAD
            if not waits_on and not candidate.may_be_changed(now):
                return item.state
            self._ledger.forget(key)
            return Taken(entry=item.entry, was=State.WAITING if waits_on else State.DEAD)

    def _claim(self, key: str, putting: Putting, lasts: timedelta) -> Claim | Refusal:
        candidate, now = self._candidate(key), self._clock.now()
        if candidate is None:
            return Refusal.GONE
        refusal = candidate.refusal(putting, now)
        if refusal is not None:
            return refusal
        if key not in self._ledger.letters:
            return Refusal.NOT_KEPT
        claim = self._claim_of(candidate, putting, now + lasts)
        self._record(claim, putting)
        item = replace(candidate.item, state=State.REPLAYING, owner=claim.token, due=claim.ends, crashes=0)
        self._put(replace(item, earlier=item.attempt, replays=claim.number, generation=claim.generation))
        if claim.was is State.COMPLETED:
            self._ledger.listed_at[key] = putting.died_before - MOMENT
        return claim

    def _claim_of(self, candidate: Candidate, putting: Putting, ends: datetime) -> Claim:
        item = candidate.item
        return Claim(
            entry=item.entry,
            replay=putting.replay,
            number=candidate.number,
            attempt=item.attempt,
            ends=ends,
            letter=self._ledger.letters[item.entry.key][0],
            token=f"replay/{uuid4().hex}",
            was=item.state,
            generation=item.generation + (item.state is State.COMPLETED),
        )

    def _record(self, claim: Claim, putting: Putting) -> None:
        record = self._ledger.replayed.setdefault(claim.entry.key, [])
        del record[claim.number - 1 :]
        record.append(
            Replayed(
                replay=putting.replay,
                at=putting.at,
                by=putting.by,
                reason=putting.reason,
                again=claim.was is State.COMPLETED,
            )
        )

    def _candidate(self, key: str) -> Candidate | None:
        item, record = self._ledger.items.get(key), self._ledger.replayed.get(key)
        if item is None:
            return None
        died_at = self._ledger.listed_at.get(key) if item.state in DEAD else None
        return Candidate(item=item, died_at=died_at, last=record[-1] if record else None)

    def _mine(self, claim: Claim) -> Item | None:
        item = self._ledger.items.get(claim.entry.key)
        is_mine = item is not None and item.state is State.REPLAYING and item.owner == claim.token
        return item if is_mine else None

    def _put(self, item: Item) -> None:
        self._ledger.items[item.entry.key] = item
