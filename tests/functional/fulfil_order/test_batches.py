"""Batches of `orders` through the consumer that Lambda calls: by customer in order, customers side by side."""

from __future__ import annotations

import msgspec
import pytest

from headworks.errors import Unavailable
from headworks.ledger.ledger import State
from headworks.outcome import Dead, Defer, Done, Reason, Retry
from headworks.testing.events import sqs_record
from tests.support.declarations import SECOND
from tests.support.http_events import sample
from tests.support.orders import a_record, an_order, samples_of


def outcomes(stand):
    return {each.delivery.id: each.outcome for each in stand.broker.settled}


def test_an_unpaid_order_holds_up_its_customer_and_nobody_else(stand):
    stand.pay("pi_a2")
    stand.pay("pi_b1")
    records = [
        a_record(an_order("a1", customer="ada")),
        a_record(an_order("a2", customer="ada")),
        a_record(an_order("b1", customer="bob")),
    ]

    kept = stand.receive(*records)

    assert sorted(kept) == ["a1", "a2"]
    assert stand.decided == {"b1": "placed"}
    settled = outcomes(stand)
    assert isinstance(settled["a1"], Retry)
    assert (settled["a2"].after.total_seconds(), settled["b1"]) == (0, Done())


def test_a_customers_orders_are_placed_in_their_order(stand):
    names = [f"o{number}" for number in range(10)]
    for name in names:
        stand.pay(f"pi_{name}")

    assert stand.receive(*(a_record(an_order(name)) for name in names)) == []

    assert stand.told == [f"{name}/placed" for name in names]


def test_an_order_behind_a_rejected_one_goes_on(stand):
    stand.pay("pi_o1")
    stand.pay("pi_o2")
    stand.run(an_order("o1"))

    another = a_record(an_order("o1", customer="eve"))
    assert stand.receive(another, a_record(an_order("o2", customer="eve"))) == []

    settled = outcomes(stand)
    assert isinstance(settled["o1"], Dead)
    assert (settled["o1"].reason, settled["o2"]) == (Reason.REJECTED, Done())


def test_a_topic_that_is_down_costs_an_order_no_attempt(stand):
    stand.pay("pi_o1")
    stand.topic.down = True
    for count in range(1, 10):
        assert stand.receive(a_record(an_order("o1"), count=count)) == ["o1"]
        assert isinstance(outcomes(stand)["o1"], Defer)
        stand.clock.advance(120 * SECOND)
    stand.topic.down = False

    assert stand.receive(a_record(an_order("o1"), count=10)) == []

    assert stand.told == ["o1/placed"]
    assert stand.ledger.items["o1"].attempt == 1


def test_an_owner_that_died_after_deciding_is_followed_by_one_that_tells(stand):
    order = an_order("o1")
    stand.pay("pi_o1")
    stand.leased("o1", lasts=30 * SECOND)
    stand.topic.down = True
    with pytest.raises(Unavailable):
        stand.run(order)
    stand.topic.down = False
    stand.clock.advance(31 * SECOND)

    assert stand.receive(a_record(order, count=2)) == []

    assert stand.told == ["o1/placed"]
    assert stand.ledger.items["o1"].state is State.COMPLETED


def test_an_order_sent_by_hand_is_known_by_its_id(stand):
    stand.pay("pi_o1")
    plain = sqs_record(msgspec.json.encode(an_order("o1")).decode(), MessageGroupId="ada")

    assert stand.receive(plain) == []

    assert stand.told == ["o1/placed"]
    assert stand.ledger.items["o1"].state is State.COMPLETED


def test_the_sample_of_one_order_is_placed_once_it_is_paid(stand):
    event = sample("fulfil_order/one_order.json")
    assert len(stand.receive(*event["Records"])) == 1
    stand.pay("pi_3SkZq2LkdIwHu7ix0order1042")
    stand.clock.advance(2 * SECOND)

    assert stand.receive(*event["Records"]) == []

    assert stand.told == ["order-1042/placed"]


def test_in_the_sample_of_two_customers_each_waits_for_his_own_payment(stand):
    stand.pay("pi_3SkZq2LkdIwHu7ix0order1044", an_order().total)
    event = sample("fulfil_order/two_customers.json")

    kept = stand.receive(*event["Records"])

    assert len(kept) == 2
    assert stand.decided == {"order-1044": "wrong_amount"}


def test_no_sample_goes_unread():
    assert samples_of("fulfil_order") == ["one_order.json", "two_customers.json"]
