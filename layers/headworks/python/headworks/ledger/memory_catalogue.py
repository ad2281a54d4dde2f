"""Reading ledgers in memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from headworks.errors import Unavailable
from headworks.ledger.catalogue import EVERYTHING, MOST_LISTED, Address, Listed, Page, Story
from headworks.ledger.ledger import State
from headworks.ledger.paging import Place, order, read_cursor, write_cursor

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from headworks.ledger.catalogue import Filter
    from headworks.ledger.memory import MemoryLedger

EPOCH = datetime.fromtimestamp(0, UTC)
LISTED_STATES = frozenset({State.DEAD, State.RETRYING, State.WAITING, State.RUNNING})


class MemoryCatalogue:
    """What some consumers' ledgers hold."""

    def __init__(self, ledgers: Mapping[Address, MemoryLedger]) -> None:
        self._ledgers = ledgers

    def page(
        self,
        state: State,
        addresses: Collection[Address],
        *,
        only: Filter = EVERYTHING,
        limit: int,
        cursor: str | None = None,
    ) -> Page:
        limit = max(1, min(limit, MOST_LISTED))
        places = sorted(self._places(state, addresses), key=partial(_position, state))
        if cursor is not None:
            start = _position(state, read_cursor(cursor, state))
            places = [place for place in places if _position(state, place) > start]
        taken = [place for place in places if place.item is not None and _takes(only, place.item)]
        more = write_cursor(taken[limit - 1]) if len(taken) > limit else None
        return Page(items=tuple(place.item for place in taken[:limit] if place.item is not None), cursor=more)

    def find(self, name: str, addresses: Collection[Address]) -> list[Story]:
        return [
            self._story(address, key)
            for address in addresses
            for key, item in self._ledger(address).items.items()
            if key == name or (item.entry.message_id == name and self._is_found_by_id(address, key))
        ]

    def _places(self, state: State, addresses: Collection[Address]) -> Iterator[Place]:
        for address in addresses:
            for key, item in self._ledger(address).items.items():
                listed = self._listed(address, key)
                if item.state is state and listed.at is not None:
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
            state=item.state,
            attempt=item.attempt,
            crashes=item.crashes,
            at=ledger.listed_at.get(key) if item.state in LISTED_STATES else None,
            reason=reason,
            error_type=failure.error_type if failure else "",
            error=failure.error if failure else "",
        )

    def _story(self, address: Address, key: str) -> Story:
        ledger = self._ledger(address)
        item = ledger.items[key]
        letter, _ = ledger.letters.get(key, (None, None))
        return Story(
            listed=self._listed(address, key),
            history=item.history,
            letter=letter,
            lease_ends=item.ends if item.state is State.RUNNING else None,
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


def _position(state: State, place: Place) -> tuple[tuple[int, str], str]:
    """A place in the whole order: the newest first or last, then by partition, then by key."""
    return order(state, place), place.id


def _takes(only: Filter, listed: Listed) -> bool:
    equal = (
        (only.error_type, listed.error_type),
        (only.type, listed.entry.type),
        (only.tenant, listed.entry.tenant),
        (only.ordering_key, listed.entry.ordering_key),
    )
    return (
        all(wanted in (None, found) for wanted, found in equal)
        and (not only.reasons or listed.reason in only.reasons)
        and (only.error is None or only.error in listed.error)
        and (only.since is None or (listed.at is not None and only.since <= listed.at))
        and (only.until is None or (listed.at is not None and listed.at < only.until))
    )
