"""Ten thousand dead letters, straight in the ledger's table: what an outage leaves an operator with."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from headworks.chunks import chunks
from headworks.ledger import layout
from headworks.ledger.catalogue import Address
from headworks.ledger.ledger import Entry, Failure, Lease, Letter, State
from headworks.outcome import Fault, Reason
from headworks.testing.clock import NEW_YEAR

FULFIL = Address("orders", "fulfil_order")
MANY = 10_000
BODY = "x" * 2048
# BatchWriteItem takes 25; a dead letter is two items.
AT_ONCE = 24


def failure_of(n: int) -> tuple[Reason, Failure | None]:
    """Of 10,000: 10 of one error, 100 crashes, and of the others two thirds endpoints' and a third our own."""
    if n % 1000 == 0:
        return Reason.REJECTED, _told(n, "LookupError", f"no customer cus_{n:08x}")
    if n % 100 == 1:
        return Reason.CRASHED, None
    if n % 3:
        return Reason.EXHAUSTED, _told(
            n, "Retry", f"https://a.example/{n} answered 503", fault=Fault.ENDPOINT
        )
    return Reason.EXHAUSTED, _told(n, "KeyError", f"'order {n}'")


def _told(n: int, error_type: str, error: str, **fields: Any) -> Failure:
    return Failure(attempt=5, at=died(n), error_type=error_type, error=error, stack="s" * 1000, **fields)


def died(n: int) -> datetime:
    return NEW_YEAR + timedelta(seconds=n)


def entry_of(n: int) -> Entry:
    """Whose dead letter it is."""
    return Entry(key=f"k{n}", message_id=f"msg_{n}", type="order.placed", source="shop")


def items_of(n: int, body: str = BODY) -> list[dict]:
    """A dead letter as the ledger leaves it: item and body."""
    entry = entry_of(n)
    name = f"{FULFIL.queue}/{FULFIL.consumer}"
    identity, at = layout.identity(name, entry.key), died(n)
    reason, failure = failure_of(n)
    item = layout.new_lease(identity, Lease(entry=entry, owner="o", attempt=5, ends=at), forgotten=at)
    item |= layout.listing(State.DEAD, name, entry.key, at) | layout.found_by(entry.message_id)
    item |= layout.last_error(failure)
    item |= {"state": layout.string(State.DEAD), "reason": layout.string(reason)}
    item |= {"died_at": layout.milliseconds(at), "expiration": layout.number(layout.NEVER)}
    if failure is not None:
        item["history"] = {"M": {"a5": layout.failure_value(failure)}}
    letter = Letter(body=body, sent_at=at)
    return [item, layout.letter_item(identity, letter)]


def put(client: Any, table: str, body_of: Callable[[int], str] = lambda _: BODY) -> None:
    """Put all of them there."""

    def put_some(items: list[dict]) -> None:
        client.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": item}} for item in items]})

    items = [item for n in range(MANY) for item in items_of(n, body_of(n))]
    with ThreadPoolExecutor(4) as calls:
        list(calls.map(put_some, chunks(items, AT_ONCE)))
