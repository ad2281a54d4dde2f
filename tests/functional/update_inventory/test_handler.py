"""The entry point as Lambda runs it: the samples, the environment, the emulator's AWS."""

from __future__ import annotations

import pytest

from headworks.testing.events import FakeContext
from tests.support.emulated import Emulated
from tests.support.http_events import sample
from tests.support.orders import items_of, samples_of

pytestmark = pytest.mark.e2e


@pytest.fixture
def emulated(emulator_clients, monkeypatch):
    return Emulated(emulator_clients, monkeypatch, "update_inventory")


def test_the_sample_of_a_placed_order_is_taken_from_the_stock_once(emulated):
    handler = emulated.handler()

    answers = [handler(sample("update_inventory/order_placed.json"), FakeContext()) for _ in range(2)]

    assert answers == [{"batchItemFailures": []}] * 2
    assert items_of(emulated.aws("dynamodb"), emulated.tables["inventory"]) == {
        "order#order-1042": {},
        "sku#mug-blue": {"sold": "2", "available": "-2"},
        "sku#tea-assam-250g": {"sold": "1", "available": "-1"},
    }


def test_the_sample_of_a_refused_order_leaves_the_stock_alone(emulated):
    answer = emulated.handler()(sample("update_inventory/order_refused.json"), FakeContext())

    assert answer == {"batchItemFailures": []}
    assert items_of(emulated.aws("dynamodb"), emulated.tables["inventory"]) == {}


def test_no_sample_goes_unread():
    assert samples_of("update_inventory") == ["order_placed.json", "order_refused.json"]
