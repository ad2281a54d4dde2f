"""The ledger contract, for every ledger."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headworks.ledger.dynamodb import DynamoDBLedger
from headworks.ledger.ledger import Lease
from headworks.ledger.memory import MemoryLedger
from tests.support.declarations import a_queue

MINUTE = timedelta(minutes=1)
AT_ONCE = timedelta(seconds=-1)


@pytest.fixture(params=["memory", "dynamodb"])
def ledger(request):
    if request.param == "memory":
        return MemoryLedger()
    aws, table = request.getfixturevalue("aws"), request.getfixturevalue("table")
    return DynamoDBLedger(a_queue(), "fulfil_order", aws("dynamodb"), table=table)


def test_the_first_to_ask_runs(ledger):
    assert ledger.lease("k", ends=MINUTE) is Lease.GRANTED


def test_while_one_runs_nobody_else_does(ledger):
    ledger.lease("k", ends=MINUTE)

    assert ledger.lease("k", ends=MINUTE) is Lease.HELD_ELSEWHERE
    assert ledger.lease("other", ends=MINUTE) is Lease.GRANTED


def test_what_is_completed_never_runs_again(ledger):
    ledger.lease("k", ends=MINUTE)
    ledger.complete("k")

    assert ledger.lease("k", ends=MINUTE) is Lease.COMPLETED


def test_after_a_failed_attempt_another_may_start(ledger):
    ledger.lease("k", ends=MINUTE)
    ledger.release("k")

    assert ledger.lease("k", ends=MINUTE) is Lease.GRANTED


def test_the_lease_of_an_owner_that_died_ends_by_itself(ledger):
    ledger.lease("k", ends=AT_ONCE)

    assert ledger.lease("k", ends=MINUTE) is Lease.GRANTED
