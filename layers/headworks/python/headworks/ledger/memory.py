"""A ledger in memory: for tests, and for consumers that need no memory across processes."""

from __future__ import annotations

from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING
from uuid import uuid4

from headworks.clock import SystemClock
from headworks.errors import Unavailable
from headworks.ledger.item import Item, bounded
from headworks.ledger.ledger import NOT_LIVED, Lease, State, Waiting

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from headworks.clock import Clock
    from headworks.ledger.catalogue import Edited, Replayed
    from headworks.ledger.ledger import Answer, Entry, Failure, Letter, Lived, Suspect
    from headworks.outcome import Reason


class MemoryLedger:
    """Items in a dictionary under a lock; `down` makes every call fail."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.down = False
        self.items: dict[str, Item] = {}
        self.letters: dict[str, tuple[Letter, Reason | None]] = {}
        # What a catalogue lists of them: since when, or until when, and the last failure.
        self.listed_at: dict[str, datetime] = {}
        self.failures: dict[str, Failure] = {}
        # What is on record of dead letters that were put back or edited, and their first messages.
        self.replayed: dict[str, list[Replayed]] = {}
        self.edited: dict[str, Edited] = {}
        self.originals: dict[str, Letter] = {}
        self._clock = clock or SystemClock()
        self._lock = Lock()

    def lease(self, entries: Sequence[Entry], *, lasts: timedelta) -> list[Answer | None]:
        owner = uuid4().hex
        with self.open():
            return [self._lease(entry, owner, lasts) for entry in entries]

    def take_over(self, suspect: Suspect, *, lasts: timedelta) -> Answer:
        owner = uuid4().hex
        with self.open():
            now = self._clock.now()
            item = self.items[suspect.entry.key]
            if item.state is not State.RUNNING or item.owner != suspect.owner or now < item.ends:
                return item.answer(now, owner)
            return self._run(replace(item, crashes=item.crashes + 1), owner, lasts)

    def extend(self, leases: Sequence[Lease], *, lasts: timedelta) -> list[bool | None]:
        with self.open():
            return [self._extend(lease, lasts) for lease in leases]

    def complete(self, leases: Sequence[Lease]) -> list[bool | None]:
        with self.open():
            return [self._change(lease, State.COMPLETED) for lease in leases]

    def retry(self, lease: Lease, failure: Failure, *, due: datetime) -> bool:
        with self.open():
            return self._change(lease, State.RETRYING, failure=failure, due=due)

    def wait(self, lease: Lease, failure: Failure, letter: Letter, *, due: datetime) -> bool:
        with self.open():
            changed = self._change(lease, State.WAITING, failure=failure, due=due)
            if changed:
                self.letters[lease.entry.key] = (letter, None)
            return changed

    def release(self, lease: Lease, *, due: datetime) -> bool:
        with self.open():
            item = self.items.get(lease.entry.key)
            if item is None or not _held_by(item, lease):
                return False
            if lease.attempt == 1 and not lease.history and not lease.replays:
                del self.items[lease.entry.key]
            else:
                self.items[lease.entry.key] = replace(
                    item, state=State.RETRYING, attempt=item.attempt - 1, due=due
                )
                self.listed_at[lease.entry.key] = due
            return True

    def bury(
        self,
        entry: Entry,
        letter: Letter,
        *,
        reason: Reason,
        failure: Failure | None,
        holder: Lease | Suspect | None = None,
        lived: Lived = NOT_LIVED,
    ) -> State:
        with self.open():
            now = self._clock.now()
            item = self.items.get(entry.key)
            if item is not None and not _may_be_buried(item, holder, now):
                return item.state
            if item is None:
                item = Item(
                    entry=entry,
                    state=State.DEAD,
                    owner="",
                    attempt=lived.attempt,
                    ends=now,
                    crashes=lived.crashes,
                    history=lived.history,
                )
            history = item.history if holder is None else bounded(item.history, failure)
            self.items[entry.key] = replace(item, state=State.DEAD, history=history, due=None)
            self.letters[entry.key] = (self._kept(entry, letter, holder), reason)
            self.listed_at[entry.key] = now
            if failure is not None:
                self.failures[entry.key] = failure
            return State.DEAD

    def hold(self, entry: Entry, letter: Letter, *, due: datetime) -> bool:
        with self.open():
            if entry.key in self.items:
                return self.items[entry.key].state is State.WAITING and self.items[entry.key].due == due
            self.items[entry.key] = Item(
                entry=entry, state=State.WAITING, owner="", attempt=0, ends=self._clock.now(), due=due
            )
            self.letters[entry.key] = (letter, None)
            self.listed_at[entry.key] = due
            return True

    def waiting(self, *, due_before: datetime, limit: int) -> list[Waiting]:
        with self.open():
            found = [
                Waiting(entry=item.entry, due=item.due, attempt=item.attempt)
                for item in self.items.values()
                if item.state is State.WAITING and item.due is not None and item.due <= due_before
            ]
            return sorted(found, key=lambda each: each.due)[:limit]

    def letter(self, entry: Entry) -> Letter | None:
        with self.open():
            found = self.letters.get(entry.key)
            return found[0] if found else None

    def woken(self, waiting: Waiting) -> bool:
        with self.open():
            item = self.items.get(waiting.entry.key)
            if item is None or item.state is not State.WAITING or item.due != waiting.due:
                return False
            self.items[waiting.entry.key] = replace(item, state=State.RETRYING)
            return True

    def cancel(self, key: str) -> bool:
        with self.open():
            item = self.items.get(key)
            if item is None or item.attempt or item.state not in (State.WAITING, State.CANCELLED):
                return False
            self.items[key] = replace(item, state=State.CANCELLED, due=None)
            return True

    def forget(self, key: str) -> None:
        """Have all that is known of a key gone."""
        for each in (
            self.items,
            self.letters,
            self.listed_at,
            self.failures,
            self.replayed,
            self.edited,
            self.originals,
        ):
            each.pop(key, None)

    def _lease(self, entry: Entry, owner: str, lasts: timedelta) -> Answer:
        now = self._clock.now()
        item = self.items.get(entry.key)
        if item is None:
            item = Item(entry=entry, state=State.RETRYING, owner="", attempt=0, ends=now)
        elif not item.may_start(now):
            return item.answer(now, owner)
        return self._run(item, owner, lasts)

    def _run(self, item: Item, owner: str, lasts: timedelta) -> Lease:
        ends = self._clock.now() + lasts
        running = replace(
            item, state=State.RUNNING, owner=owner, attempt=item.attempt + 1, ends=ends, due=None
        )
        self.items[item.entry.key] = running
        if item.attempt:
            self.listed_at[item.entry.key] = self._clock.now()
        return running.as_lease()

    def _extend(self, lease: Lease, lasts: timedelta) -> bool:
        item = self.items.get(lease.entry.key)
        if item is None or not _held_by(item, lease):
            return False
        self.items[lease.entry.key] = replace(item, ends=self._clock.now() + lasts)
        return True

    def _change(
        self, lease: Lease, state: State, *, failure: Failure | None = None, due: datetime | None = None
    ) -> bool:
        item = self.items.get(lease.entry.key)
        if item is None or item.owner != lease.owner or item.attempt != lease.attempt:
            return False
        if item.state is not State.RUNNING:
            return item.state is state
        self.items[lease.entry.key] = replace(
            item, state=state, history=bounded(item.history, failure), due=due
        )
        self.listed_at.pop(lease.entry.key, None)
        if due is not None:
            self.listed_at[lease.entry.key] = due
        if failure is not None:
            self.failures[lease.entry.key] = failure
        return True

    def _kept(self, entry: Entry, letter: Letter, holder: Lease | Suspect | None) -> Letter:
        """The letter to keep: a late copy of a message that was edited doesn't undo that."""
        is_edited = entry.key in self.edited and holder is None
        return self.letters[entry.key][0] if is_edited else letter

    def open(self) -> Lock:
        """The lock under which its items may be read and changed.  Raises `Unavailable`."""
        if self.down:
            raise Unavailable("the ledger", "down")
        return self._lock


def _held_by(item: Item, lease: Lease) -> bool:
    return item.state is State.RUNNING and item.owner == lease.owner and item.attempt == lease.attempt


def _may_be_buried(item: Item, holder: Lease | Suspect | None, now: datetime) -> bool:
    if holder is not None:
        return item.state is State.RUNNING and item.owner == holder.owner
    nobodys = (State.RETRYING, State.WAITING, State.REPLAYING)
    return item.state in nobodys or (item.state is State.RUNNING and now >= item.ends)
