"""Orders of the shop: authorised, checked, made durable, answered - and one order for a double click."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from headworks.http_api import BODY_LIMIT_BYTES, LONGEST_DETAIL
from headworks.telemetry import Action
from pipeline.payloads import MOST_ITEMS

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_an_order_is_on_the_queue_and_answered_with_its_ids(stand, order):
    answer = stand.post(order)

    [message] = stand.queue.messages
    assert answer.status == 202
    assert answer.body == {"orderId": "order-1042", "messageId": message.id}
    assert json.loads(message.data) == order


def test_the_message_is_ordered_by_customer_and_known_by_the_order(stand, order):
    stand.post(order, traceparent=TRACE)

    [message] = stand.queue.messages
    assert (message.ordering_key, message.idempotency_key) == ("ada@example.com", "order-1042")
    assert (message.type, message.source, message.subject) == ("order.submitted", "/orders", "order-1042")
    assert message.traceparent == TRACE


def test_a_double_click_is_one_order(stand, order):
    first = stand.post(order)

    again = stand.post(order)

    assert again.status == 202
    assert again.body == {**first.body, "duplicate": True}
    assert len(stand.queue.messages) == 1


def test_an_order_is_remembered_for_weeks(stand, order):
    stand.post(order)
    stand.clock.advance(timedelta(days=29))

    assert stand.post(order).body["duplicate"]


def test_what_the_order_does_not_know_is_left_behind(stand, order):
    stand.post({**order, "color": "red"})

    assert json.loads(stand.queue.messages[0].data) == order


@pytest.mark.parametrize("name", ["id", "customer", "items", "total", "payment_intent"])
def test_what_is_missing_is_named(stand, order, name):
    del order[name]

    answer = stand.post(order)

    assert answer.status == 400
    assert f"missing required field `{name}`" in answer.body["detail"]
    assert stand.queue.messages == []


@pytest.mark.parametrize(
    ("wrong", "path", "rule"),
    [
        ({"id": ""}, "$.id", "matching regex"),
        ({"id": "two words"}, "$.id", "matching regex"),
        ({"id": "o1\n"}, "$.id", "matching regex"),
        ({"id": "x" * 129}, "$.id", "matching regex"),
        ({"id": 7}, "$.id", "`str`"),
        ({"customer": " ada"}, "$.customer", "matching regex"),
        ({"items": []}, "$.items", ">= 1"),
        ({"items": [{"sku": "mug", "quantity": 1}] * (MOST_ITEMS + 1)}, "$.items", f"<= {MOST_ITEMS}"),
        ({"items": [{"sku": "mug", "quantity": 0}]}, "$.items[0].quantity", ">= 1"),
        ({"items": [{"sku": "mug", "quantity": 1.5}]}, "$.items[0].quantity", "`int`"),
        ({"items": [{"sku": "mug", "quantity": True}]}, "$.items[0].quantity", "`int`"),
        ({"items": [{"sku": "mug", "quantity": 10**30}]}, "$.items[0].quantity", "<= 1000000"),
        ({"items": [{"sku": "mug", "quantity": 1}, {"sku": "tea"}]}, "$.items[1]", "`quantity`"),
        ({"total": {"amount": 0, "currency": "eur"}}, "$.total.amount", ">= 1"),
        ({"total": {"amount": 1, "currency": "EUR"}}, "$.total.currency", "[a-z]{3}"),
        ({"payment_intent": None}, "$.payment_intent", "`str`"),
    ],
)
def test_what_is_wrong_is_a_400_that_names_place_and_rule(stand, order, wrong, path, rule):
    answer = stand.post({**order, **wrong})

    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert f"`{path}`" in answer.body["detail"]
    assert rule in answer.body["detail"]
    assert stand.queue.messages == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"not JSON",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"7",
        b"[" * 100_000,
        b'{"id": ' + b"9" * 4301 + b"}",
    ],
    ids=range(9),
)
def test_what_is_no_order_is_a_400_and_nothing_is_sent(stand, body):
    answer = stand.post(body)

    assert answer.status == 400
    assert len(answer.body["detail"]) <= LONGEST_DETAIL
    assert stand.queue.messages == []


def test_the_largest_order_is_accepted(stand, order):
    items = [{"sku": f"{number:0>128}", "quantity": 1_000_000} for number in range(MOST_ITEMS)]

    assert stand.post({**order, "items": items}).status == 202


def test_a_body_over_the_limit_is_a_413(stand):
    assert stand.post(b"x" * (BODY_LIMIT_BYTES + 1)).status == 413


@pytest.mark.parametrize("authorization", ["Bearer token-of-now", "Bearer token-of-before"])
def test_while_rotating_each_token_is_valid(stand, order, authorization):
    assert stand.post(order, authorization=authorization).status == 202


@pytest.mark.parametrize("authorization", [None, "", "Bearer ", "Bearer guessed", "Basic token-of-now"])
def test_without_a_valid_token_it_is_a_401_and_nothing_is_sent(stand, order, authorization):
    answer = stand.post(order, authorization=authorization)

    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert stand.queue.messages == []


def test_a_queue_that_is_down_is_a_503_and_the_retry_is_no_duplicate(stand, order):
    stand.queue.down = True
    refused = stand.post(order)
    stand.queue.down = False

    retried = stand.post(order)

    assert refused.status == 503
    assert int(refused.headers["retry-after"]) > 0
    assert (retried.status, "duplicate" in retried.body) == (202, False)


def test_a_store_of_tokens_that_is_down_is_a_503(stand, order):
    stand.secrets.down = True

    assert stand.post(order).status == 503


def test_the_log_tells_the_order_and_nothing_of_its_customer(stand, order, log):
    stand.post(order)

    actions = [action for action, _ in log.lines]
    assert actions == [Action.RECEIVED, Action.QUEUED]
    assert log.lines[0][1]["idempotency_key"] == "order-1042"
    assert "ada" not in str(log.lines)
