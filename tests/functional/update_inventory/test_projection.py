"""The stock as orders leave it: every order once, however often it comes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from headworks.errors import Unavailable
from pipeline.payloads import MOST_ITEMS, LineItem, OrderEvent, Refusal
from tests.support.orders import a_message_of, an_order, items_of, make_table
from update_inventory.inventory import Inventory
from update_inventory.projection import project


@pytest.fixture
def dynamodb(aws):
    return aws("dynamodb")


@pytest.fixture
def inventory(dynamodb):
    return Inventory(dynamodb, table=make_table(dynamodb, "inventory"))


@pytest.fixture
def stock(dynamodb):
    """What is sold and available, by article."""

    def look():
        return {
            name.removeprefix("sku#"): (int(item["sold"]), int(item["available"]))
            for name, item in items_of(dynamodb, "inventory").items()
            if name.startswith("sku#")
        }

    return look


def placed(order_id="o1", **fields):
    return a_message_of(OrderEvent.of(an_order(order_id, **fields), None))


def lines(*counts):
    return tuple(LineItem(sku=sku, quantity=quantity) for sku, quantity in counts)


def test_a_placed_order_is_taken_from_the_stock(inventory, stock):
    project(placed(items=lines(("mug", 2), ("tea", 1))), inventory=inventory)

    assert stock() == {"mug": (2, -2), "tea": (1, -1)}


def test_a_refused_order_takes_nothing(inventory, dynamodb):
    project(a_message_of(OrderEvent.of(an_order(), Refusal.UNPAID)), inventory=inventory)

    assert items_of(dynamodb, "inventory") == {}


def test_an_order_that_comes_again_is_taken_once(inventory, stock):
    for _ in range(3):
        project(placed(), inventory=inventory)

    assert stock() == {"mug": (2, -2)}


def test_an_order_whose_answer_was_lost_is_taken_once(inventory, stock, dynamodb):
    def lose(**_):
        raise ConnectionError("the answer was lost")

    dynamodb.meta.events.register("after-call.dynamodb.TransactWriteItems", lose)
    with pytest.raises(ConnectionError):
        project(placed(), inventory=inventory)
    dynamodb.meta.events.unregister("after-call.dynamodb.TransactWriteItems", lose)

    project(placed(), inventory=inventory)

    assert stock() == {"mug": (2, -2)}


def test_orders_of_one_article_add_up(inventory, stock):
    project(placed("o1"), inventory=inventory)
    project(placed("o2"), inventory=inventory)

    assert stock() == {"mug": (4, -4)}


def test_an_article_that_an_order_names_twice_is_counted_twice(inventory, stock):
    project(placed(items=lines(("mug", 2), ("mug", 3))), inventory=inventory)

    assert stock() == {"mug": (5, -5)}


def test_what_was_stocked_goes_down(inventory, stock, dynamodb):
    dynamodb.put_item(
        TableName="inventory", Item={"id": {"S": "sku#mug"}, "available": {"N": "10"}, "sold": {"N": "0"}}
    )

    project(placed(), inventory=inventory)

    assert stock() == {"mug": (2, 8)}


def test_the_largest_order_fits_one_transaction(inventory, stock):
    project(placed(items=lines(*((f"sku-{n}", 1) for n in range(MOST_ITEMS)))), inventory=inventory)

    assert len(stock()) == MOST_ITEMS


def test_an_order_named_like_an_article_is_neither_mixed_up_nor_lost(inventory, stock):
    project(placed("mug"), inventory=inventory)

    assert stock() == {"mug": (2, -2)}


def cancelled(*codes):
    reasons = [{"Code": code} for code in codes]
    return ClientError(
        {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons},
        "TransactWriteItems",
    )


class Refusing:
    """A client that cancels every transaction for these reasons."""

    class exceptions:  # noqa: N801 - as boto3 names it
        TransactionCanceledException = ClientError

    def __init__(self, *codes):
        self.codes = codes

    def transact_write_items(self, **_):
        raise cancelled(*self.codes)


@pytest.mark.parametrize("codes", [("None", "TransactionConflict"), ("ThrottlingError", "None")])
def test_another_order_of_the_same_article_in_between_is_no_failed_attempt(codes):
    with pytest.raises(Unavailable, match="inventory"):
        project(placed(), inventory=Inventory(Refusing(*codes), table="inventory"))


def test_a_transaction_that_can_never_be_valid_is_a_failed_attempt():
    with pytest.raises(ClientError):
        project(placed(), inventory=Inventory(Refusing("None", "ValidationError"), table="inventory"))


@pytest.mark.e2e
def test_orders_of_one_article_at_the_same_moment_all_count(emulator_clients):
    dynamodb = emulator_clients("dynamodb")
    table = make_table(dynamodb, f"inventory-{uuid4().hex}")
    inventory = Inventory(dynamodb, table=table)

    def place(number):
        project(placed(f"o{number % 10}"), inventory=inventory)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(place, range(20)))

    item = items_of(dynamodb, table)["sku#mug"]
    assert (item["sold"], item["available"]) == ("20", "-20")
