"""An array of messages: all of them are fit to send, or none is sent."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accept_message.submission import MOST_MESSAGES


def orders(*keys, **attributes):
    return [{"data": {"n": index}, "idempotencykey": key, **attributes} for index, key in enumerate(keys)]


def keys(broker):
    return [message.idempotency_key for message in broker.messages]


def test_an_array_is_answered_in_its_order(stand):
    answer = stand.post(orders("a", "b", "c"))

    assert answer.status == 202
    assert answer.body == {"messages": [{"messageId": message.id} for message in stand.orders.messages]}
    assert keys(stand.orders) == ["a", "b", "c"]


def test_an_array_of_one_is_answered_as_an_array(stand):
    answer = stand.post(orders("a"))

    assert list(answer.body) == ["messages"]


def test_repeats_in_an_array_are_told_one_by_one(stand):
    first = stand.post(orders("a"))

    answer = stand.post(orders("b", "a", "b"))

    [known] = first.body["messages"]
    new = stand.orders.messages[1].id
    assert answer.body["messages"] == [
        {"messageId": new},
        {"messageId": known["messageId"], "duplicate": True},
        {"messageId": new, "duplicate": True},
    ]


def test_messages_of_several_delays_are_answered_in_the_order_of_the_array(stand):
    batch = orders("a", "b", "c", "d")
    batch[0]["delayseconds"] = batch[2]["delayseconds"] = 60

    answer = stand.post(batch)

    ids = {message.idempotency_key: message.id for message in stand.orders.messages}
    delays = dict(zip(keys(stand.orders), stand.orders.delays, strict=True))
    assert [told["messageId"] for told in answer.body["messages"]] == [ids[key] for key in "abcd"]
    assert delays == {
        "a": timedelta(minutes=1),
        "b": timedelta(0),
        "c": timedelta(minutes=1),
        "d": timedelta(0),
    }


def test_an_ordered_queue_gets_them_in_the_order_of_the_array(stand):
    stand.post(orders("a", "b", "c", partitionkey="p"), queue="ordered")

    assert keys(stand.brokers["ordered"]) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"data": {"n": "text"}}, "$[1].data"),
        ({"data": {"n": 1}, "delayseconds": 40_000_000}, "$[1].delayseconds"),
        ({"data": {"n": 1}, "color": "red"}, "$[1]"),
        ({"data": {"n": 1}, "delayseconds": 9, "expirytime": "2026-01-01T00:00:09Z"}, "$[1].expirytime"),
        ({"n": 1}, "$[1]"),
    ],
)
def test_one_wrong_message_keeps_all_from_being_sent_and_is_named(stand, wrong, told):
    right = {"data": {"n": 1}}

    answer = stand.post([right, wrong, right], queue="typed")

    assert answer.status == 400
    assert told in answer.body["detail"]
    assert stand.sent == 0


def test_the_largest_array_is_accepted(stand):
    assert stand.post(orders(*map(str, range(MOST_MESSAGES)))).status == 202


@pytest.mark.parametrize("count", [0, MOST_MESSAGES + 1])
def test_an_array_of_another_size_is_a_400_that_names_the_limit(stand, count):
    answer = stand.post(orders(*map(str, range(count))))

    assert answer.status == 400
    assert f"1 to {MOST_MESSAGES}" in answer.body["detail"]
    assert stand.sent == 0


def test_what_the_queue_did_not_take_is_named_and_the_retry_completes_it(stand):
    stand.orders.refused = {"b"}
    refused = stand.post(orders("a", "b", "c"))
    stand.orders.refused = set()

    retried = stand.post(orders("a", "b", "c"))

    assert refused.status == 503
    assert refused.headers["content-type"] == "application/problem+json"
    assert int(refused.headers["retry-after"]) > 0
    assert refused.body["messages"][1] == {"error": "unavailable"}
    assert [told.get("duplicate", False) for told in retried.body["messages"]] == [True, False, True]
    assert keys(stand.orders) == ["a", "c", "b"]
