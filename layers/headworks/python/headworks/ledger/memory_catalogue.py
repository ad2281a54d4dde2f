"""Reading ledgers in memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from headworks.clock import SystemClock
from headworks.errors import Unavailable
from headworks.ledger.catalogue import (
    EVERYTHING,
    MOST_LISTED,
    NO_KEYS,
    Address,
    Count,
    Groups,
    Listed,
    Page,
    Story,
)
from headworks.ledger.grouping import Grouping
from headworks.ledger.ledger import State
from headworks.ledger.paging import Order, Place
from headworks.outcome import Fault

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from headworks.clock import Clock
    from headworks.ledger.catalogue import Filter
    from headworks.ledger.item import Item
    from headworks.ledger.memory import MemoryLedger

EPOCH = datetime.fromtimestamp(0, UTC)
# Which list an item is on; one that is being put back is among the dead.
LISTS = {state: state for state in (State.DEAD, State.RETRYING, State.WAITING, State.RUNNING)} | {
    State.REPLAYING: State.DEAD
}


class MemoryCatalogue:
    """What some consumers' ledgers hold."""

    def __init__(self, ledgers: Mapping[Address, MemoryLedger], clock: Clock | None = None) -> None:
        self._ledgers = ledgers
        self._clock = clock or SystemClock()

    def page(
        self,
        state: State,
        addresses: Collection[Address],
        *,
        only: Filter = EVERYTHING,
        limit: int,
        cursor: str | None = None,
        oldest_first: bool = False,
    ) -> Page:
        limit = max(1, min(limit, MOST_LISTED))
        order = Order.of(state, oldest_first=oldest_first)

        def position(place: Place) -> tuple[tuple[int, str], str]:
            return order.rank(place), place.id

        places = sorted(self._places(state, addresses), key=position)
        if cursor is not None:
            start = position(order.read_cursor(cursor))
            places = [place for place in places if position(place) > start]
        taken = [place for place in places if place.item is not None and only.takes(place.item)]
        more = order.write_cursor(taken[limit - 1]) if len(taken) > limit else None
        return Page(items=tuple(place.item for place in taken[:limit] if place.item is not None), cursor=more)

    def count(
        self, state: State, addresses: Collection[Address], *, only: Filter = EVERYTHING, most: int
    ) -> Count:
        items, read_all = self._everything(state, addresses, only, most)
        return Count(number=len(items), is_exact=read_all)

    def groups(
        self, state: State, addresses: Collection[Address], *, only: Filter = EVERYTHING, most: int
    ) -> Groups:
        items, read_all = self._everything(state, addresses, only, most)
        grouping = Grouping()
        for item in items:
            grouping.add(item)
        return grouping.groups(is_exact=read_all)

    def find(
        self, name: str, addresses: Collection[Address], *, keys: Mapping[Address, Collection[str]] = NO_KEYS
    ) -> list[Story]:
        return [
            self._story(address, key)
            for address in dict.fromkeys([*addresses, *keys])
            for key, item in self._ledger(address).items.items()
            if (key == name and address in addresses)
            or key in keys.get(address, ())
            or (item.entry.message_id == name and self._is_found_by_id(address, key))
        ]

    def item(self, address: Address, key: str) -> Listed | None:
        return self._listed(address, key) if key in self._ledger(address).items else None

    def _everything(
        self, state: State, addresses: Collection[Address], only: Filter, most: int
    ) -> tuple[list[Listed], bool]:
        items = [place.item for place in self._places(state, addresses) if place.item is not None]
        return [item for item in items[:most] if only.takes(item)], len(items) <= most

    def _places(self, state: State, addresses: Collection[Address]) -> Iterator[Place]:
        for address in addresses:
            for key, item in self._ledger(address).items.items():
                listed = self._listed(address, key)
                if LISTS.get(item.state) is state and listed.at is not None:
                    at = (listed.at - EPOCH) // timedelta(milliseconds=1)
                    partition = f"{state}#{address.queue}/{address.consumer}"
                    yield Place(at=at, partition=partition, id=key, item=listed)

    def _listed(self, address: Address, key: str) -> Listed:
        ledger = self._ledger(address)
        item, failure = ledger.items[key], ledger.failures.get(key)
        _, reason = ledger.letters.get(key, (None, None))
        return Listed(
            address=address,
            entry=item.entry,
            state=self._standing(item),
            attempt=item.attempt,
            crashes=item.crashes,
            at=ledger.listed_at.get(key) if item.state in LISTS else None,
            reason=reason if LISTS.get(item.state) is State.DEAD else None,
            error_type=failure.error_type if failure else "",
            error=failure.error if failure else "",
            fault=failure.fault if failure else Fault.PIPELINE if reason else None,
            replay=ledger.replayed[key][-1].replay if ledger.replayed.get(key) else None,
            replays=item.replays,
            earlier=item.earlier,
        )

    def _standing(self, item: Item) -> State:
        ended = item.due is None or item.due <= self._clock.now()
        return State.DEAD if item.state is State.REPLAYING and ended else item.state

    def _story(self, address: Address, key: str) -> Story:
        ledger = self._ledger(address)
        item = ledger.items[key]
        letter, _ = ledger.letters.get(key, (None, None))
        return Story(
            listed=self._listed(address, key),
            history=item.history,
            letter=letter,
            lease_ends=item.ends if item.state is State.RUNNING else None,
            due=item.due,
            original=ledger.originals.get(key),
            edited=ledger.edited.get(key),
            replayed=tuple(ledger.replayed.get(key, ())),
        )

    def _is_found_by_id(self, address: Address, key: str) -> bool:
        """As in the index of a table: what never failed, died or was held is found by its key alone."""
        ledger = self._ledger(address)
        return key in ledger.failures or key in ledger.letters

    def _ledger(self, address: Address) -> MemoryLedger:
        ledger = self._ledgers[address]
        if ledger.down:
            raise Unavailable("the ledger", "down")
        return ledger
