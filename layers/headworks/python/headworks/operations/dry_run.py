"""A dry run: what a replay would send, and what order means for it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from headworks.ledger.catalogue import EVERYTHING, MOST_LISTED, Address
from headworks.ledger.ledger import State
from headworks.operations.replays import MOST_REPLAYS, Replay, Skipped, Standing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from headworks.ledger.catalogue import Catalogue, Filter, Listed, Story
    from headworks.operations.replays import ReplayRequest
    from headworks.queue import Queue

# Items that a dry run reads before it says "at least".
MOST_COUNTED = 100_000
MOST_READ = 10_000
SIDE_BY_SIDE = 8

_ON_THEIR_WAY = frozenset({State.RUNNING, State.RETRYING, State.WAITING, State.REPLAYING})


def addresses_of(queue: Queue, request: ReplayRequest) -> list[Address]:
    """Whose dead letters a replay is about."""
    consumers = queue.consumers if request.consumer is None else (request.consumer,)
    return [Address(queue.name, consumer) for consumer in consumers]


def what_had_died(request: ReplayRequest, asked_at: datetime) -> Filter:
    """The filter of a replay: it takes nothing that died after it was asked for."""
    only = request.selection.only or EVERYTHING
    return replace(only, until=asked_at if only.until is None else min(only.until, asked_at))


def stories_of(catalogue: Catalogue, names: Sequence[str], addresses: Sequence[Address]) -> list[list[Story]]:
    """What is known of each of these names, found side by side."""
    with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="names") as pool:
        return list(pool.map(lambda name: catalogue.find(name, addresses), names))


@dataclass(frozen=True, slots=True)
class DryRun:
    """One dry run."""

    catalogue: Catalogue
    queue: Queue
    request: ReplayRequest
    asked_at: datetime

    def replay(self) -> Replay:
        """What the replay would come to."""
        if self.request.selection.names:
            return self._of_names()
        addresses, only = addresses_of(self.queue, self.request), what_had_died(self.request, self.asked_at)
        count = self.catalogue.count(State.DEAD, addresses, only=only, most=MOST_COUNTED)
        notes = (
            [] if count.is_exact else [f"There are at least {count.number:,} of them: not all were counted."]
        )
        keys: set[str | None] | None = None
        if self.queue.fifo:
            keys, read_all = self._ordering_keys(addresses, only)
            notes += [] if read_all else ["Their ordering keys are at least so many: not all were read."]
        return self._told(count.number, Skipped(), keys, notes)

    def _of_names(self) -> Replay:
        """Every name is looked up: what it would be skipped for is told."""
        addresses = addresses_of(self.queue, self.request)
        found = stories_of(self.catalogue, self.request.selection.names, addresses)
        stories = {(each.listed.address, each.listed.entry.key): each for some in found for each in some}
        reasons = [(each, self._skipped_for(each)) for each in stories.values()]
        counts = {name: sum(reason == name for _, reason in reasons) for name in _NAMES_OF_REASONS}
        counts["gone"] += sum(not some for some in found)
        chosen = [each.listed for each, reason in reasons if reason is None]
        keys = {each.entry.ordering_key for each in chosen} if self.queue.fifo else None
        return self._told(len(chosen), Skipped(**counts), keys, [])

    def _skipped_for(self, story: Story) -> str | None:
        listed = story.listed
        if listed.state in _ON_THEIR_WAY:
            return "busy"
        if listed.state is State.COMPLETED and not self.request.again:
            return "completed"
        if listed.state is State.CANCELLED:
            return "gone"
        if listed.replays >= MOST_REPLAYS and not self.request.any_number:
            return "too_often"
        return "not_kept" if story.letter is None else None

    def _ordering_keys(self, addresses: Sequence[Address], only: Filter) -> tuple[set[str | None], bool]:
        keys: set[str | None] = set()
        cursor, read = None, 0
        while read < MOST_READ:
            page = self.catalogue.page(
                State.DEAD, addresses, only=only, limit=MOST_LISTED, cursor=cursor, oldest_first=True
            )
            keys |= _ordering_keys(page.items)
            read += MOST_LISTED
            cursor = page.cursor
            if cursor is None:
                return keys, True
        return keys, False

    def _told(
        self, selected: int, skipped: Skipped, keys: set[str | None] | None, notes: Sequence[str]
    ) -> Replay:
        told = list(notes)
        if self.request.first is not None and self.request.first < selected:
            told.append(f"It would end after the first {self.request.first:,} of them, the first dead first.")
        if keys is not None:
            told.append(
                f"{self.queue.name} keeps order: what was processed after a dead letter stays processed, and a "
                "replayed message runs behind what is queued now; those of one ordering key run in the order in "
                "which they died."
            )
        return Replay(
            request=self.request,
            asked_at=self.asked_at,
            standing=Standing.DRY_RUN,
            skipped=skipped,
            selected=selected,
            ordering_keys=None if keys is None else len(keys),
            notes=tuple(told),
        )


_NAMES_OF_REASONS = ("completed", "busy", "too_often", "gone", "not_kept")


def _ordering_keys(items: Iterable[Listed]) -> set[str | None]:
    return {each.entry.ordering_key for each in items}
