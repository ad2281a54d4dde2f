"""Ten thousand dead letters: what an operator waits for, on the emulator."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest

from headworks.chunks import chunks
from headworks.ledger import layout
from headworks.ledger.catalogue import Address, Count, Filter
from headworks.ledger.dynamodb_catalogue import DynamoDBCatalogue
from headworks.ledger.ledger import Entry, Failure, Lease, Letter, State
from headworks.outcome import Fault, Reason
from headworks.testing.clock import NEW_YEAR, MovingClock
from tests.conftest import LEDGER_TABLE

pytestmark = pytest.mark.e2e

FULFIL = Address("orders", "fulfil_order")
MANY = 10_000
BODY = "x" * 2048
# What somebody at a keyboard waits for without noticing.
A_MOMENT = 1.0


def failure_of(n: int) -> tuple[Reason, Failure | None]:
    """Of 10,000: 10 of one error, 100 crashes, and of the others two thirds endpoints' and a third our own."""
    if n % 1000 == 0:
        return Reason.REJECTED, told(n, "LookupError", f"no customer cus_{n:08x}")
    if n % 100 == 1:
        return Reason.CRASHED, None
    if n % 3:
        return Reason.EXHAUSTED, told(n, "Retry", f"https://a.example/{n} answered 503", fault=Fault.ENDPOINT)
    return Reason.EXHAUSTED, told(n, "KeyError", f"'order {n}'")


def told(n: int, error_type: str, error: str, **fields) -> Failure:
    return Failure(attempt=5, at=died(n), error_type=error_type, error=error, stack="s" * 1000, **fields)


def died(n: int):
    return NEW_YEAR + timedelta(seconds=n)


def items_of(n: int) -> list[dict]:
    """A dead letter as the ledger leaves it: item and body."""
    entry = Entry(key=f"k{n}", message_id=f"msg_{n}", type="order.placed", source="shop")
    name = f"{FULFIL.queue}/{FULFIL.consumer}"
    identity, at = layout.identity(name, entry.key), died(n)
    reason, failure = failure_of(n)
    item = layout.new_lease(identity, Lease(entry=entry, owner="o", attempt=5, ends=at), forgotten=at)
    item |= layout.listing(State.DEAD, name, entry.key, at) | layout.found_by(entry.message_id)
    item |= layout.last_error(failure)
    item |= {"state": layout.string(State.DEAD), "reason": layout.string(reason)}
    if failure is not None:
        item["history"] = {"M": {"a5": layout.failure_value(failure)}}
    letter = Letter(body=BODY, sent_at=at)
    return [item, layout.letter_item(identity, letter)]


@pytest.fixture(scope="module")
def catalogue(emulator_clients):
    client, table = emulator_clients("dynamodb"), f"ledger-{uuid4().hex}"
    client.create_table(TableName=table, **LEDGER_TABLE)

    def put(items: list[dict]) -> None:
        client.batch_write_item(RequestItems={table: [{"PutRequest": {"Item": item}} for item in items]})

    items = [item for n in range(MANY) for item in items_of(n)]
    with ThreadPoolExecutor(4) as calls:
        list(calls.map(put, chunks(items, 24)))
    return DynamoDBCatalogue(client, table=table, clock=MovingClock())


@pytest.fixture
def in_a_moment(record_property):
    """Answers what a call answers, if it answers fast enough; a client's first call pays for its connections."""

    def measure(call):
        call()
        started = time.perf_counter()
        answer = call()
        took = time.perf_counter() - started
        record_property("seconds", round(took, 3))
        assert took < A_MOMENT
        return answer

    return measure


def test_the_first_page_is_there_in_a_moment(catalogue, in_a_moment):
    page = in_a_moment(lambda: catalogue.page(State.DEAD, [FULFIL], limit=50))

    assert [each.entry.key for each in page.items] == [f"k{MANY - 1 - n}" for n in range(50)]


def test_a_rare_filter_is_there_in_a_moment(catalogue, in_a_moment):
    only = Filter(error_type="LookupError")

    page = in_a_moment(lambda: catalogue.page(State.DEAD, [FULFIL], only=only, limit=50))

    assert [each.entry.key for each in page.items] == [f"k{n}" for n in range(9000, -1, -1000)]
    assert page.cursor is None


def test_counts_are_there_in_a_moment_and_exact(catalogue, in_a_moment):
    assert in_a_moment(lambda: catalogue.count(State.DEAD, [FULFIL], most=100_000)) == Count(number=MANY)


def test_groups_are_there_in_a_moment_and_right(catalogue, in_a_moment):
    groups = in_a_moment(lambda: catalogue.groups(State.DEAD, [FULFIL], most=100_000))

    expected = [kind(n) for n in range(MANY)]
    assert groups.total == Count(number=MANY)
    assert {(each.reason, each.error_type, each.error): each.count for each in groups.groups} == {
        each: expected.count(each) for each in set(expected)
    }
    assert [each.count for each in groups.groups] == sorted(
        (each.count for each in groups.groups), reverse=True
    )


def kind(n: int) -> tuple[Reason, str, str]:
    reason, failure = failure_of(n)
    errors = {
        "LookupError": "no customer ...",
        "Retry": "https://a.example/... answered ...",
        "KeyError": "...",
        "": "",
    }
    error_type = failure.error_type if failure else ""
    return reason, error_type, errors[error_type]


def test_whose_fault_it_was_is_counted_too(catalogue):
    of_endpoints = sum(
        failure is not None and failure.fault is Fault.ENDPOINT for _, failure in map(failure_of, range(MANY))
    )

    count = catalogue.count(State.DEAD, [FULFIL], only=Filter(fault=Fault.ENDPOINT), most=100_000)

    assert count == Count(number=of_endpoints)
