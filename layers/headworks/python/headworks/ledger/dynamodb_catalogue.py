"""Reading the ledger in DynamoDB: queries on its sparse indexes and keyed reads, never a scan."""

from __future__ import annotations

import heapq
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from headworks.chunks import chunks
from headworks.errors import Unavailable
from headworks.ledger import layout
from headworks.ledger.catalogue import EVERYTHING, MOST_LISTED, Address, Listed, Page, Story
from headworks.ledger.layout import number, string
from headworks.ledger.ledger import State
from headworks.ledger.paging import NEWEST_FIRST, Place, order, read_cursor, write_cursor
from headworks.outcome import Reason
from headworks.stores import asking

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from concurrent.futures import Future
    from datetime import datetime

    from mypy_boto3_dynamodb import DynamoDBClient

    from headworks.ledger.catalogue import Filter

LEDGER = "the ledger"
CALLS_AT_ONCE = 8
# BatchGetItem's own limit.
MOST_READS = 100
ROUNDS = 3
# Pages of up to 1 MB that one listing reads beyond the first of each partition: a few seconds.
MOST_PAGES = 50
# DynamoDB's numbers go further; no time does.
END_OF_TIME = (1 << 53) - 1


class DynamoDBCatalogue:
    """The ledgers of every consumer, in their one table."""

    def __init__(self, client: DynamoDBClient, *, table: str) -> None:
        self._client = client
        self._table = table
        self._calls = ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="catalogue")

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
        start = None if cursor is None else read_cursor(cursor, state)
        listing = _Listing(state, only, limit, start, partitions=len(addresses) * layout.SHARDS)
        partitions = [
            layout.listed_under(state, _list_of(address), shard)
            for address in addresses
            for shard in range(layout.SHARDS)
        ]
        with asking(LEDGER):
            merged = heapq.merge(
                *(self._places(listing, partition) for partition in self._opened(listing, partitions)),
                key=partial(order, state),
            )
            return _page(merged, limit, listing)

    def find(self, name: str, addresses: Collection[Address]) -> list[Story]:
        if not name:
            return []
        by_key = [layout.identity(_list_of(address), name) for address in addresses]
        with asking(LEDGER):
            identities = dict.fromkeys([*by_key, *self._ids_of_message(name)])
            wanted = [each for identity in identities for each in (identity, layout.body_id(identity))]
            found = {item["id"]["S"]: item for some in chunks(wanted, MOST_READS) for item in self._get(some)}
        return [
            _story(found[identity], found.get(layout.body_id(identity)))
            for identity in identities
            # What Powertools' own decorator keeps in this table has no state of ours.
            if identity in found and "state" in found[identity]
        ]

    def _opened(
        self, listing: _Listing, partitions: Sequence[str]
    ) -> list[tuple[str, Future[dict[str, Any]]]]:
        """Every partition with its first page, all of them asked for side by side."""
        return [
            (partition, self._calls.submit(self._query, query))
            for partition in partitions
            if (query := listing.query(partition)) is not None
        ]

    def _places(self, listing: _Listing, opened: tuple[str, Future[dict[str, Any]]]) -> Iterator[Place]:
        """A partition's items in their order; where a page ends on what the filter leaves out, an empty place."""
        partition, first = opened
        page = first.result()
        while True:
            for item in page["Items"]:
                yield _place(item, partition, _listed(item, _address_in(partition)))
            last = page.get("LastEvaluatedKey")
            if last is None:
                return
            if not page["Items"] or page["Items"][-1]["id"] != last["id"]:
                yield _place(last, partition, None)
            listing.pages += 1
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

    def _get(self, identities: Sequence[str]) -> Iterator[dict[str, Any]]:
        keys = [{"id": string(identity)} for identity in identities]
        pending: Any = {self._table: {"Keys": keys, "ConsistentRead": True}}
        for _ in range(ROUNDS):
            answer: Any = self._client.batch_get_item(RequestItems=pending)
            yield from answer["Responses"].get(self._table, [])
            pending = answer.get("UnprocessedKeys")
            if not pending:
                return
        raise Unavailable(LEDGER, "reads are throttled")


class _Listing:
    """One call of `page`: what is asked of each partition, and how much was read so far."""

    def __init__(
        self, state: State, only: Filter, limit: int, start: Place | None, *, partitions: int
    ) -> None:
        self._newest_first = state in NEWEST_FIRST
        self._start = start
        self._from = 0 if only.since is None else _milliseconds(only.since)
        self._until = END_OF_TIME if only.until is None else _milliseconds(only.until) - 1
        self._conditions, self._values = _conditions(only)
        # A few more than a partition's share; one that holds more of the page is asked again.
        self._page_size = None if self._conditions else 2 * limit // partitions + 8
        self.pages = 0

    @property
    def is_long(self) -> bool:
        """Whether so much was read that whoever waits should see what there is."""
        return self.pages >= MOST_PAGES

    def query(self, partition: str) -> dict[str, Any] | None:
        """What to ask a partition first; nothing if none of it can be on the page."""
        first, last = self._bounds(partition)
        if first > last:
            return None
        names = {"#listed": layout.INDEX_KEY, "#listed_at": layout.INDEX_SORT}
        names |= {f"#{name}": name for name in self._conditions}
        query: dict[str, Any] = {
            "IndexName": layout.INDEX,
            "KeyConditionExpression": "#listed = :listed AND #listed_at BETWEEN :first AND :last",
            "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": {
                ":listed": string(partition),
                ":first": number(first),
                ":last": number(last),
                **self._values,
            },
            "ScanIndexForward": not self._newest_first,
        }
        if self._conditions:
            query["FilterExpression"] = " AND ".join(self._conditions.values())
        if self._page_size is not None:
            query["Limit"] = self._page_size
        if self._start is not None and partition == self._start.partition:
            query["ExclusiveStartKey"] = {
                "id": string(self._start.id),
                layout.INDEX_KEY: string(partition),
                layout.INDEX_SORT: number(self._start.at),
            }
        return query

    def _bounds(self, partition: str) -> tuple[int, int]:
        """The times that are still to come in a partition: of the cursor's own moment only the later ones have some."""
        first, last = self._from, self._until
        if self._start is not None:
            passed = partition < self._start.partition
            if self._newest_first:
                last = min(last, self._start.at - passed)
            else:
                first = max(first, self._start.at + passed)
        return first, last


def _page(places: Iterator[Place], limit: int, listing: _Listing) -> Page:
    items: list[Listed] = []
    last: Place | None = None
    for place in places:
        if last is not None and (len(items) == limit or listing.is_long):
            return Page(items=tuple(items), cursor=write_cursor(last))
        last = place
        if place.item is not None:
            items.append(place.item)
    return Page(items=tuple(items))


def _conditions(only: Filter) -> tuple[dict[str, str], dict[str, Any]]:
    """A filter as conditions by attribute, and the values that they speak of."""
    equal = {
        "error_type": only.error_type,
        "type": only.type,
        "tenant": only.tenant,
        "ordering_key": only.ordering_key,
    }
    values = {f":{name}": string(value) for name, value in equal.items() if value is not None}
    conditions = {name: f"#{name} = :{name}" for name, value in equal.items() if value is not None}
    if only.error is not None:
        conditions["error"] = "contains(#error, :error)"
        values[":error"] = string(only.error)
    if only.reasons:
        reasons = {f":reason{n}": string(reason) for n, reason in enumerate(sorted(only.reasons))}
        conditions["reason"] = f"#reason IN ({', '.join(reasons)})"
        values |= reasons
    return conditions, values


def _place(item: Mapping[str, Any], partition: str, listed: Listed | None) -> Place:
    at = int(item[layout.INDEX_SORT]["N"])
    return Place(at=at, partition=partition, id=item["id"]["S"], item=listed)


def _listed(attributes: Mapping[str, Any], address: Address) -> Listed:
    at = attributes.get(layout.INDEX_SORT)
    return Listed(
        address=address,
        entry=layout.read_entry(attributes),
        state=State(attributes["state"]["S"]),
        attempt=int(attributes["attempt"]["N"]),
        crashes=int(attributes["crashes"]["N"]),
        at=layout.read_time(at) if at else None,
        reason=Reason(attributes["reason"]["S"]) if "reason" in attributes else None,
        error_type=attributes.get("error_type", {"S": ""})["S"],
        error=attributes.get("error", {"S": ""})["S"],
    )


def _story(attributes: Mapping[str, Any], body: Mapping[str, Any] | None) -> Story:
    item = layout.read_item(attributes)
    address = Address(*attributes["id"]["S"].partition("#")[0].split("/"))
    return Story(
        listed=_listed(attributes, address),
        history=item.history,
        letter=layout.read_letter(body) if body else None,
        lease_ends=item.ends if item.state is State.RUNNING else None,
    )


def _list_of(address: Address) -> str:
    return f"{address.queue}/{address.consumer}"


def _address_in(partition: str) -> Address:
    """The consumer in `<state>#<queue>/<consumer>#<shard>`."""
    return Address(*partition.split("#")[1].split("/"))


def _milliseconds(time: datetime) -> int:
    return int(layout.milliseconds(time)["N"])
