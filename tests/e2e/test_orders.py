"""An order's way through the deployed pipeline: the checkout, its payment in either order, its events' consumers."""

import json
from dataclasses import replace
from uuid import uuid4

import pytest

from infra.local.aws import clients_of
from infra.local.samples import own_samples, send
from pipeline import TOPOLOGY, tables
from pipeline.sources import PAYMENT_SUCCEEDED
from tests.e2e.pipeline import eventually

pytestmark = pytest.mark.e2e


class Shop:
    """One customer's orders of an article that nobody else orders."""

    def __init__(self, pipeline):
        self.pipeline = pipeline
        self.mark = uuid4().hex
        self.sku = f"mug-{self.mark}"
        self.database = clients_of(pipeline.outputs.aws_endpoint_url)("dynamodb")

    def order(self, name, **fields):
        return {
            "id": f"{name}-{self.mark}",
            "customer": f"cus_{self.mark}",
            "items": [{"sku": self.sku, "quantity": 2}],
            "total": {"amount": 4200, "currency": "eur"},
            "payment_intent": f"pi_{name}_{self.mark}",
            **fields,
        }

    def post(self, document, *, path="/orders", token=None):
        """The checkout, or what is at another path; answers status and document."""
        answer = self.pipeline.http.request(
            "POST",
            f"{self.pipeline.outputs.endpoint}{path}",
            json=document,
            headers={"authorization": f"Bearer {token or self.pipeline.outputs.producer_token}"},
        )
        return answer.status, answer.json()

    def pay(self, order, *, amount=4200):
        """Stripe says so, in a signed event of its own."""
        sample = next(each for each in own_samples() if PAYMENT_SUCCEEDED.encode() in each.body)
        event = json.loads(sample.body)
        event["data"]["object"] |= {"id": order["payment_intent"], "amount_received": amount}
        answer = send(replace(sample, body=json.dumps(event).encode()).renewed(), self.pipeline.outputs)
        assert answer.status == 200

    def decided(self, order):
        """What became of an order, once it is decided."""
        item = eventually(lambda: self._item(tables.ORDERS, order["id"]), bool, seconds=90)
        return item.get("reason", item["status"])["S"]

    def wait_until_sold(self, pieces):
        eventually(self.sold, lambda sold: sold == pieces, seconds=60)

    def sold(self):
        item = self._item(tables.INVENTORY, f"sku#{self.sku}")
        return int(item["sold"]["N"]) if item else 0

    def _item(self, table, item_id):
        name = self.pipeline.outputs.tables[table.name]
        return self.database.get_item(TableName=name, Key={"id": {"S": item_id}}, ConsistentRead=True).get(
            "Item"
        )


@pytest.fixture
def shop(pipeline):
    return Shop(pipeline)


def test_an_order_whose_payment_came_first_is_placed_and_taken_from_the_stock(shop):
    order = shop.order("first")
    shop.pay(order)

    status, answer = shop.post(order)

    assert (status, answer["orderId"]) == (202, order["id"])
    assert shop.decided(order) == "placed"
    shop.wait_until_sold(2)


def test_an_order_whose_payment_comes_later_waits_for_it(shop):
    order = shop.order("later")
    shop.post(order)
    shop.pay(order)

    assert shop.decided(order) == "placed"
    shop.wait_until_sold(2)


def test_a_double_click_is_one_order(shop):
    order, next_order = shop.order("click"), shop.order("next")
    shop.pay(order)
    shop.pay(next_order)

    answers = [shop.post(order), shop.post(order), shop.post(next_order)]

    assert answers[1] == (202, {**answers[0][1], "duplicate": True})
    # The next one of the same customer comes after them: by then a second effect would have been seen.
    assert shop.decided(next_order) == "placed"
    shop.wait_until_sold(4)


def test_what_was_paid_and_is_not_the_total_refuses_the_order(shop):
    order, next_order = shop.order("cheap"), shop.order("right")
    shop.pay(order, amount=1)
    shop.pay(next_order)

    shop.post(order)
    shop.post(next_order)

    assert shop.decided(order) == "wrong_amount"
    assert shop.decided(next_order) == "placed"
    shop.wait_until_sold(2)


def test_what_is_no_order_or_comes_from_nobody_goes_nowhere(shop):
    order = shop.order("bad")

    no_pieces = shop.post({**order, "items": [{"sku": shop.sku, "quantity": 0}]})
    no_token = shop.post(order, token="guessed")

    assert (no_pieces[0], no_token[0]) == (400, 401)
    assert "$.items[0].quantity" in no_pieces[1]["detail"]


@pytest.mark.parametrize("queue", [queue.name for queue in TOPOLOGY.queues if queue.internal])
def test_who_has_a_token_can_neither_forge_a_payment_nor_go_round_the_checkout(shop, queue):
    status, problem = shop.post({"source": "stripe", "data": {}}, path=f"/queues/{queue}/messages")

    assert (status, problem["detail"]) == (
        403,
        f"The queue {queue} is internal: only the pipeline itself sends to it.",
    )
