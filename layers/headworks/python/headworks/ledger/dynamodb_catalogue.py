"""Reading the ledger in DynamoDB: queries on its sparse indexes and keyed reads, never a scan."""

from __future__ import annotations

import heapq
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, Any

from headworks.clock import SystemClock
from headworks.ledger import layout
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
from headworks.ledger.dynamodb_listing import Listing
from headworks.ledger.grouping import Grouping
from headworks.ledger.layout import string
from headworks.ledger.paging import Order, Place
from headworks.ledger.stories import read_listed, read_story
from headworks.stores import asking, read_items

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from concurrent.futures import Future
    from datetime import datetime

    from mypy_boto3_dynamodb import DynamoDBClient

    from headworks.clock import Clock
    from headworks.ledger.catalogue import Filter
    from headworks.ledger.ledger import State

LEDGER = "the ledger"
CALLS_AT_ONCE = 8
# Pages of up to 1 MB that one listing reads beyond the first of each partition: a few seconds.
MOST_PAGES = 50


class DynamoDBCatalogue:
    """The ledgers of every consumer, in their one table."""

    def __init__(self, client: DynamoDBClient, *, table: str, clock: Clock | None = None) -> None:
        self._client = client
        self._table = table
        self._clock = clock or SystemClock()
        self._calls = ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="catalogue")

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
        partitions = _partitions(state, addresses)
        listing = Listing(
            order,
            only,
            # A few more than a partition's share; one that holds more of the page is asked again.
            page_size=2 * limit // max(1, len(partitions)) + 8,
            start=None if cursor is None else order.read_cursor(cursor),
        )
        reading = _Reading(self._clock.now())
        with asking(LEDGER):
            opened = self._opened(listing, partitions)
            merged = heapq.merge(
                *(self._places(listing, reading, partition) for partition in opened), key=order.rank
            )
            return _page(merged, limit, order, reading)

    def count(
        self, state: State, addresses: Collection[Address], *, only: Filter = EVERYTHING, most: int
    ) -> Count:
        numbers: list[int] = []
        read_all = self._read_all(
            _partitions(state, addresses),
            Listing(Order.of(state, oldest_first=False), only),
            most=most,
            asked={"Select": "COUNT"},
            take=lambda _, page: numbers.append(page["Count"]),
        )
        return Count(number=sum(numbers), is_exact=read_all)

    def groups(
        self, state: State, addresses: Collection[Address], *, only: Filter = EVERYTHING, most: int
    ) -> Groups:
        grouping, now = Grouping(), self._clock.now()

        def take(address: Address, page: Mapping[str, Any]) -> None:
            for item in page["Items"]:
                grouping.add(read_listed(item, address, now))

        listing = Listing(Order.of(state, oldest_first=False), only)
        read_all = self._read_all(_partitions(state, addresses), listing, most=most, asked={}, take=take)
        return grouping.groups(is_exact=read_all)

    def find(
        self, name: str, addresses: Collection[Address], *, keys: Mapping[Address, Collection[str]] = NO_KEYS
    ) -> list[Story]:
        if not name:
            return []
        by_key = [
            layout.identity(_list_of(address), key)
            for address in dict.fromkeys([*addresses, *keys])
            for key in [*([name] if address in addresses else []), *keys.get(address, ())]
        ]
        with asking(LEDGER):
            identities = list(dict.fromkeys([*by_key, *self._ids_of_message(name)]))
            return self._stories(identities)

    def item(self, address: Address, key: str) -> Listed | None:
        name = {"id": string(layout.identity(_list_of(address), key))}
        with asking(LEDGER):
            found = self._client.get_item(TableName=self._table, Key=name, ConsistentRead=True).get("Item")
        return read_listed(found, address, self._clock.now()) if found and "state" in found else None

    def _stories(self, identities: Sequence[str]) -> list[Story]:
        wanted = [
            each
            for identity in identities
            for each in (identity, layout.body_id(identity), layout.original_id(identity))
        ]
        found = {item["id"]["S"]: item for item in read_items(self._client, LEDGER, self._table, wanted)}
        now = self._clock.now()
        return [
            read_story(
                found[identity],
                found.get(layout.body_id(identity)),
                found.get(layout.original_id(identity)),
                now,
            )
            for identity in identities
            # What Powertools' own decorator keeps in this table has no state of ours.
            if identity in found and "state" in found[identity]
        ]

    def _read_all(
        self,
        partitions: Sequence[str],
        listing: Listing,
        *,
        most: int,
        asked: Mapping[str, Any],
        take: Callable[[Address, Mapping[str, Any]], None],
    ) -> bool:
        """Take all pages of a list, its partitions side by side, one page at a time; and whether that was all of it.

        It wasn't where `most` items were read before its end, whether or not the filter takes them.
        """
        taking = Lock()
        scanned = 0

        def read(partition: str) -> bool:
            nonlocal scanned
            query, address = listing.query(partition), _address_in(partition)
            while query is not None:
                if scanned >= most:
                    return False
                page = self._query({**query, **asked})
                with taking:
                    scanned += page["ScannedCount"]
                    take(address, page)
                last = page.get("LastEvaluatedKey")
                query = None if last is None else {**query, "ExclusiveStartKey": last}
            return True

        with asking(LEDGER):
            return all(list(self._calls.map(read, partitions)))

    def _opened(
        self, listing: Listing, partitions: Sequence[str]
    ) -> list[tuple[str, Future[dict[str, Any]]]]:
        """Every partition with its first page, all of them asked for side by side."""
        return [
            (partition, self._calls.submit(self._query, query))
            for partition in partitions
            if (query := listing.query(partition)) is not None
        ]

    def _places(
        self, listing: Listing, reading: _Reading, opened: tuple[str, Future[dict[str, Any]]]
    ) -> Iterator[Place]:
        """A partition's items in their order; where a page ends on what the filter leaves out, an empty place."""
        partition, first = opened
        address, page = _address_in(partition), first.result()
        while True:
            for item in page["Items"]:
                yield _place(item, partition, read_listed(item, address, reading.now))
            last = page.get("LastEvaluatedKey")
            if last is None:
                return
            if not page["Items"] or page["Items"][-1]["id"] != last["id"]:
                yield _place(last, partition, None)
            reading.pages += 1
            query = listing.query(partition) or {}
            page = self._query({**query, "ExclusiveStartKey": last})

    def _query(self, query: Mapping[str, Any]) -> dict[str, Any]:
        answer: Any = self._client.query(TableName=self._table, **query)
        return dict(answer)

    def _ids_of_message(self, message_id: str) -> list[str]:
        answer = self._client.query(
            TableName=self._table,
            IndexName=layout.FOUND_BY,
            KeyConditionExpression="#found_by = :message_id",
            ExpressionAttributeNames={"#found_by": layout.FOUND_BY},
            ExpressionAttributeValues={":message_id": layout.found_by(message_id)[layout.FOUND_BY]},
        )
        return [item["id"]["S"] for item in answer["Items"]]


class _Reading:
    """One call of `page`: when it began, and how much was read so far."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.pages = 0

    @property
    def is_long(self) -> bool:
        """Whether so much was read that whoever waits should see what there is."""
        return self.pages >= MOST_PAGES


def _page(places: Iterator[Place], limit: int, order: Order, reading: _Reading) -> Page:
    items: list[Listed] = []
    last: Place | None = None
    for place in places:
        if last is not None and (len(items) == limit or reading.is_long):
            return Page(items=tuple(items), cursor=order.write_cursor(last))
        last = place
        if place.item is not None:
            items.append(place.item)
    return Page(items=tuple(items))


def _place(item: Mapping[str, Any], partition: str, listed: Listed | None) -> Place:
    at = int(item[layout.INDEX_SORT]["N"])
    return Place(at=at, partition=partition, id=item["id"]["S"], item=listed)


def _partitions(state: State, addresses: Collection[Address]) -> list[str]:
    return [
        layout.listed_under(state, _list_of(address), shard)
        for address in addresses
        for shard in range(layout.SHARDS)
    ]


def _list_of(address: Address) -> str:
    return f"{address.queue}/{address.consumer}"


def _address_in(partition: str) -> Address:
    """The consumer in `<state>#<queue>/<consumer>#<shard>`."""
    return Address(*partition.split("#")[1].split("/"))
