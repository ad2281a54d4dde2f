"""One look at a list in DynamoDB: what is asked of each of its partitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headworks.ledger import layout
from headworks.ledger.layout import number, string
from headworks.ledger.ledger import State
from headworks.outcome import Fault
from headworks.stores import names_in

if TYPE_CHECKING:
    from datetime import datetime

    from headworks.ledger.catalogue import Filter
    from headworks.ledger.paging import Order, Place

# DynamoDB's numbers go further; no time does.
END_OF_TIME = (1 << 53) - 1


class Listing:
    """What is asked for, of each partition."""

    def __init__(
        self, order: Order, only: Filter, *, page_size: int | None = None, start: Place | None = None
    ) -> None:
        self._order = order
        self._start = start
        self._from = 0 if only.since is None else _milliseconds(only.since)
        self._until = END_OF_TIME if only.until is None else _milliseconds(only.until) - 1
        self._conditions, self._values = conditions(only)
        # With a filter a partition's page is as much as it reads at once, for it may hold little.
        self._page_size = None if self._conditions else page_size

    def query(self, partition: str) -> dict[str, Any] | None:
        """What to ask a partition first; nothing if none of it can be on the page."""
        first, last = self._bounds(partition)
        if first > last:
            return None
        key = "#listed = :listed AND #listed_at BETWEEN :first AND :last"
        query: dict[str, Any] = {
            "IndexName": layout.INDEX,
            "KeyConditionExpression": key,
            "ExpressionAttributeNames": names_in(key, *self._conditions),
            "ExpressionAttributeValues": {
                ":listed": string(partition),
                ":first": number(first),
                ":last": number(last),
                **self._values,
            },
            "ScanIndexForward": not self._order.newest_first,
        }
        if self._conditions:
            query["FilterExpression"] = " AND ".join(self._conditions)
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
            if self._order.newest_first:
                last = min(last, self._start.at - passed)
            else:
                first = max(first, self._start.at + passed)
        return first, last


def conditions(only: Filter) -> tuple[list[str], dict[str, Any]]:
    """A filter as conditions, and the values that they speak of."""
    equal = {
        "error_type": only.error_type,
        "type": only.type,
        "source": only.source,
        "tenant": only.tenant,
        "key": only.key,
        "ordering_key": only.ordering_key,
        "replay": only.replay,
    }
    values = {f":{name}": string(value) for name, value in equal.items() if value is not None}
    found = [f"#{name} = :{name}" for name, value in equal.items() if value is not None]
    if only.error is not None:
        found.append("contains(#error, :error)")
        values[":error"] = string(only.error)
    if only.fault is not None:
        found.append(_FAULT if only.fault is Fault.ENDPOINT else f"({_FAULT} OR {_NO_FAULT})")
        values[":fault"] = string(only.fault)
    if only.reasons:
        reasons = {f":reason{n}": string(reason) for n, reason in enumerate(sorted(only.reasons))}
        # What was put back keeps the reason of its last death, which isn't true of it any more.
        found.append(f"#reason IN ({', '.join(reasons)}) AND #state IN (:dead, :replaying)")
        values |= {":dead": string(State.DEAD), ":replaying": string(State.REPLAYING), **reasons}
    return found, values


_FAULT = "#fault = :fault"
# What failed or died when no fault was kept, or none but our own could be meant.
_NO_FAULT = "(attribute_not_exists(#fault) AND (attribute_exists(#error_type) OR attribute_exists(#reason)))"


def _milliseconds(time: datetime) -> int:
    return int(layout.milliseconds(time)["N"])
