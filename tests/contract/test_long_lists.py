"""Ten thousand dead letters, on the emulator: `make bench` measures what an operator waits for."""

from __future__ import annotations

from uuid import uuid4

import pytest

from headworks.ledger.catalogue import Count, Filter
from headworks.ledger.dynamodb_catalogue import DynamoDBCatalogue
from headworks.ledger.ledger import State
from headworks.outcome import Fault, Reason
from headworks.testing.clock import MovingClock
from tests.conftest import LEDGER_TABLE
from tests.support.long_list import FULFIL, MANY, failure_of, put

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def catalogue(emulator_clients):
    client, table = emulator_clients("dynamodb"), f"ledger-{uuid4().hex}"
    client.create_table(TableName=table, **LEDGER_TABLE)
    put(client, table)
    return DynamoDBCatalogue(client, table=table, clock=MovingClock())


def test_the_first_page_holds_the_newest(catalogue):
    page = catalogue.page(State.DEAD, [FULFIL], limit=50)

    assert [each.entry.key for each in page.items] == [f"k{MANY - 1 - n}" for n in range(50)]


def test_a_rare_filter_finds_all_that_it_takes(catalogue):
    only = Filter(error_type="LookupError")

    page = catalogue.page(State.DEAD, [FULFIL], only=only, limit=50)

    assert [each.entry.key for each in page.items] == [f"k{n}" for n in range(9000, -1, -1000)]
    assert page.cursor is None


def test_counts_are_exact(catalogue):
    assert catalogue.count(State.DEAD, [FULFIL], most=100_000) == Count(number=MANY)


def test_groups_are_right(catalogue):
    groups = catalogue.groups(State.DEAD, [FULFIL], most=100_000)

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
