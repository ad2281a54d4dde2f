"""One attempt at an order: placed if its payment pays for it; decided once, then told."""

from __future__ import annotations

import json

import msgspec
import pytest

from headworks import Reject, Retry
from headworks.errors import Unavailable
from pipeline.payloads import LineItem, Money, OrderEvent
from pipeline.queues import ORDERS
from tests.support.orders import a_context, a_message_of, an_order, items_of

LAST = ORDERS.retry.max_attempts


def test_a_paid_order_is_placed_and_told(stand):
    order = an_order("o1", customer="ada")
    stand.pay("pi_o1")

    stand.run(order)

    [message] = stand.topic.messages
    assert stand.decided == {"o1": "placed"}
    assert (message.type, message.subject, message.ordering_key) == ("order.placed", "o1", "ada")
    assert message.idempotency_key == "o1/placed"
    assert msgspec.json.decode(message.data, type=OrderEvent) == OrderEvent.of(order, None)


def test_what_is_written_down_can_be_read_without_us(stand):
    stand.pay("pi_o1")

    stand.run(an_order("o1", customer="ada"))

    item = items_of(stand.dynamodb, "orders")["o1"]
    assert (item["customer"], item["status"]) == ("ada", "placed")
    assert item["ordered_at"] == "2026-01-01T00:00:00+00:00"
    assert json.loads(item["order"])["items"] == [{"sku": "mug", "quantity": 2}]


def test_an_event_goes_on_in_the_trace_of_its_order(stand):
    stand.pay("pi_o1")

    stand.handle(a_message_of(an_order(), traceparent="00-" + "1" * 32 + "-" + "2" * 16 + "-01"), a_context())

    assert stand.topic.messages[0].traceparent == "00-" + "1" * 32 + "-" + "2" * 16 + "-01"


@pytest.mark.parametrize("attempt", range(1, LAST))
def test_while_attempts_are_left_an_unpaid_order_waits(stand, attempt):
    with pytest.raises(Retry, match="pi_o1 isn't confirmed yet"):
        stand.run(an_order("o1"), attempt=attempt)

    assert (stand.decided, stand.told) == ({}, [])


def test_a_payment_that_comes_after_its_order_pays_for_it(stand):
    with pytest.raises(Retry):
        stand.run(an_order("o1"))
    stand.pay("pi_o1")

    stand.run(an_order("o1"), attempt=2)

    assert (stand.decided, stand.told) == ({"o1": "placed"}, ["o1/placed"])


@pytest.mark.parametrize("attempt", [LAST, LAST + 1])
def test_at_the_last_attempt_an_unpaid_order_is_refused_and_told(stand, attempt):
    stand.run(an_order("o1"), attempt=attempt)

    [message] = stand.topic.messages
    assert stand.decided == {"o1": "unpaid"}
    assert (message.type, message.idempotency_key) == ("order.refused", "o1/refused")
    assert msgspec.json.decode(message.data)["reason"] == "unpaid"


def test_a_payment_belongs_to_the_order_that_it_pays_for(stand):
    stand.pay("pi_o1")

    stand.run(an_order("o1"))

    assert stand.payment_of(an_order("o1")) == ("o1", "placed", False)


def test_a_payment_that_comes_after_the_refusal_is_to_be_given_back(stand):
    stand.run(an_order("o1"), attempt=LAST)
    stand.pay("pi_o1")

    stand.run(an_order("o1"), attempt=LAST)

    assert stand.decided == {"o1": "unpaid"}
    assert stand.payment_of(an_order("o1")) == ("o1", "refused", True)


def test_nothing_is_to_be_given_back_while_nothing_was_paid(stand):
    stand.run(an_order("o1"), attempt=LAST)

    assert stand.payment_of(an_order("o1")) == ("o1", "refused", False)


def test_money_that_is_to_be_given_back_pays_for_no_other_order(stand):
    stand.run(an_order("o1"), attempt=LAST)
    stand.pay("pi_o1")

    stand.run(an_order("o2", payment_intent="pi_o1"))

    assert stand.decided == {"o1": "unpaid", "o2": "payment_taken"}
    assert stand.payment_of(an_order("o1")) == ("o1", "refused", True)


@pytest.mark.parametrize(
    "paid",
    [
        Money(amount=4199, currency="eur"),
        Money(amount=4201, currency="eur"),
        Money(amount=4200, currency="usd"),
    ],
)
def test_an_amount_that_is_not_the_total_refuses_the_order_and_is_to_be_given_back(stand, paid):
    stand.pay("pi_o1", paid)

    stand.run(an_order("o1"))

    assert (stand.decided, stand.told) == ({"o1": "wrong_amount"}, ["o1/refused"])
    assert stand.payment_of(an_order("o1")) == ("o1", "refused", True)


def test_a_payment_pays_for_one_order(stand):
    stand.pay("pi_1")

    stand.run(an_order("o1", payment_intent="pi_1"))
    stand.run(an_order("o2", payment_intent="pi_1"))

    assert stand.decided == {"o1": "placed", "o2": "payment_taken"}
    assert stand.payment_of(an_order("o1", payment_intent="pi_1")) == ("o1", "placed", False)


def test_an_order_that_comes_again_is_one_order_told_once(stand):
    stand.pay("pi_o1")

    stand.run(an_order("o1"))
    stand.run(an_order("o1"))

    assert (stand.decided, stand.told) == ({"o1": "placed"}, ["o1/placed"])


def test_another_order_under_a_known_id_is_rejected_and_changes_nothing(stand):
    stand.pay("pi_o1")
    stand.run(an_order("o1"))

    with pytest.raises(Reject, match="o1 is known already"):
        stand.run(an_order("o1", items=(LineItem(sku="tea", quantity=1),)))

    assert (stand.decided, stand.told) == ({"o1": "placed"}, ["o1/placed"])


@pytest.mark.parametrize(("paid", "attempt", "told"), [(True, 1, "o1/placed"), (False, LAST, "o1/refused")])
def test_what_was_decided_but_not_told_is_told_by_the_next_run(stand, paid, attempt, told):
    if paid:
        stand.pay("pi_o1")
    stand.topic.down = True
    with pytest.raises(Unavailable):
        stand.run(an_order("o1"), attempt=attempt)
    stand.topic.down = False

    stand.run(an_order("o1"), attempt=attempt)

    assert stand.told == [told]


def test_what_was_refused_but_not_told_stays_refused_when_the_payment_comes_meanwhile(stand):
    stand.topic.down = True
    with pytest.raises(Unavailable):
        stand.run(an_order("o1"), attempt=LAST)
    stand.topic.down = False
    stand.pay("pi_o1")

    stand.run(an_order("o1"), attempt=LAST)

    assert (stand.decided, stand.told) == ({"o1": "unpaid"}, ["o1/refused"])
    assert stand.payment_of(an_order("o1")) == ("o1", "refused", True)


@pytest.mark.parametrize("table", ["orders", "payments"])
def test_a_table_that_does_not_answer_is_no_failed_attempt(stand, table):
    stand.pay("pi_o1")
    stand.dynamodb.delete_table(TableName=table)

    with pytest.raises(Unavailable, match="payments"):
        stand.run(an_order("o1"))

    assert stand.told == []
