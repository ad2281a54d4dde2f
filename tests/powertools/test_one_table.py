"""Powertools' own functions on the ledger and its table."""

from __future__ import annotations

from datetime import timedelta

import pytest
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyAlreadyInProgressError

from headworks.ledger.dynamodb import DynamoDBLedger
from headworks.ledger.ledger import Entry
from tests.powertools.conftest import COMPLETED, IN_PROGRESS, do_nothing
from tests.support.declarations import a_queue

MINUTE = timedelta(minutes=1)
ENTRY = Entry(key="o1", message_id="msg_1", type="order.placed", source="shop")


@pytest.fixture
def ledger(stored):
    """By the clock that Powertools goes by."""
    return DynamoDBLedger(a_queue(), "fulfil_order", stored.client, table=stored.name)


def test_an_idempotent_function_runs_once_on_the_ledger(plain, ledger, effects, stored):
    charge = plain(effects.of, layer=ledger)

    charge(order="o1")
    charge(order="o1")

    assert effects == ["o1"]
    assert (stored.item["status"], stored.item["data"]) == (COMPLETED, "null")


def test_its_result_comes_back_without_another_run(plain, ledger, effects):
    def charge(order):
        effects.append(order)
        return {"receipt": 7}

    again = plain(charge, layer=ledger)

    assert again(order="o1") == again(order="o1") == {"receipt": 7}
    assert effects == ["o1"]


def test_a_function_that_failed_runs_again(plain, ledger, effects):
    def fail_once(order):
        effects.append(order)
        if len(effects) == 1:
            raise ZeroDivisionError

    charge = plain(fail_once, layer=ledger)
    with pytest.raises(ZeroDivisionError):
        charge(order="o1")

    charge(order="o1")

    assert effects == ["o1", "o1"]


def test_it_and_the_messages_of_a_consumer_lie_side_by_side(plain, ledger, ours, effects, stored):
    charge = plain(effects.of, layer=ledger)

    ours.receive(lambda message: charge(order={"id": message.idempotency_key}), "o1")
    ours.receive(lambda message: charge(order={"id": message.idempotency_key}), "o1")

    assert effects == [{"id": "o1"}]
    assert [item["status"] for item in stored.items] == [COMPLETED, COMPLETED]


def test_plain_powertools_reads_what_the_ledger_wrote(ledger, stored):
    plain_layer = DynamoDBPersistenceLayer(stored.name, boto3_client=stored.client)
    plain_layer.configure(IdempotencyConfig(hash_function="sha256"), key_prefix="orders/fulfil_order")
    [lease] = ledger.lease([ENTRY], lasts=MINUTE)
    running = plain_layer.get_record("o1")

    ledger.complete([lease])
    completed = plain_layer.get_record("o1")

    assert (running.status, completed.status) == (IN_PROGRESS, COMPLETED)
    assert running.in_progress_expiry_timestamp == int(lease.ends.timestamp() * 1000)


def test_a_function_of_plain_powertools_respects_a_lease_of_the_ledger(plain, ledger):
    charge = plain(do_nothing, prefix="orders/fulfil_order", hash_function="sha256")
    ledger.lease([ENTRY], lasts=MINUTE)

    with pytest.raises(IdempotencyAlreadyInProgressError):
        charge(order="o1")
