"""The entry point as Lambda runs it: the sample, the environment, the emulator's AWS."""

from __future__ import annotations

import json

import pytest

from confirm_payment.payments import Payments
from headworks.testing.clock import NEW_YEAR
from headworks.testing.events import FakeContext
from tests.support.emulated import Emulated
from tests.support.http_events import sample
from tests.support.orders import EUROS, items_of

pytestmark = pytest.mark.e2e


@pytest.fixture
def emulated(emulator_clients, monkeypatch):
    return Emulated(emulator_clients, monkeypatch, "fulfil_order")


def test_a_paid_order_is_placed_and_each_consumer_of_its_event_gets_it_raw_and_in_its_group(emulated):
    dynamodb = emulated.aws("dynamodb")
    payments = Payments(dynamodb, table=emulated.tables["payments"])
    payments.confirm("pi_3SkZq2LkdIwHu7ix0order1042", EUROS, event_id="evt_1", at=NEW_YEAR)

    answer = emulated.handler()(sample("fulfil_order/one_order.json"), FakeContext())

    assert answer == {"batchItemFailures": []}
    assert items_of(dynamodb, emulated.tables["orders"])["order-1042"]["status"] == "placed"
    for consumer in ("update_inventory", "notify_order"):
        [message] = emulated.received(consumer)
        event = json.loads(message["Body"])
        assert (event["type"], event["idempotencykey"]) == ("order.placed", "order-1042/placed")
        assert message["Attributes"]["MessageGroupId"] == "cus_0042"


def test_an_unpaid_order_comes_back(emulated):
    event = sample("fulfil_order/one_order.json")

    answer = emulated.handler()(event, FakeContext())

    assert answer == {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}
