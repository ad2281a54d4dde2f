"""Messages of the team's own services: authorised, checked as a whole, made durable, answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from headworks.http_api import BODY_LIMIT_BYTES
from headworks.telemetry import Action

ORDER = {"data": {"n": 1}}
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_one_message_is_answered_with_its_id(stand):
    answer = stand.post(ORDER)

    [message] = stand.orders.messages
    assert answer.status == 202
    assert answer.body == {"messageId": message.id}


def test_data_goes_on_as_it_came_and_the_rest_has_defaults(stand):
    stand.post(b'{"data": {"n":  1, "price": 1.10, "name": "\xe2\x82\xac"}}')

    [message] = stand.orders.messages
    assert message.data == b'{"n":  1, "price": 1.10, "name": "\xe2\x82\xac"}'
    assert (message.type, message.source, message.subject) == ("message", "/queues/orders", None)
    assert message.idempotency_key == message.id


def test_every_attribute_arrives(stand):
    answer = stand.post(
        {
            "data": [1],
            "type": "order.placed",
            "source": "/shop",
            "subject": "order/1",
            "idempotencykey": "k",
            "partitionkey": "p",
            "tenant": "acme",
            "expirytime": "2026-01-02T00:00:00+01:00",
            "delayseconds": 900,
        },
        traceparent=TRACE,
    )

    [message] = stand.orders.messages
    assert answer.status == 202
    assert (message.type, message.source, message.subject) == ("order.placed", "/shop", "order/1")
    assert (message.idempotency_key, message.ordering_key, message.tenant) == ("k", "p", "acme")
    assert message.expires_at == datetime(2026, 1, 1, 23, tzinfo=UTC)
    assert message.traceparent == TRACE
    assert stand.orders.delays == [timedelta(minutes=15)]


@pytest.mark.parametrize("value", [None, 0, "text", [], {}, 1.5, False])
def test_data_may_be_any_json_where_the_queue_takes_any(stand, value):
    assert stand.post({"data": value}).status == 202


@pytest.mark.parametrize("authorization", ["Bearer token-of-now", "Bearer token-of-before"])
def test_while_rotating_each_token_is_valid(stand, authorization):
    assert stand.post(ORDER, authorization=authorization).status == 202


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer ",
        "Bearer undefined",
        "Bearer token-of",
        "Bearer token-of-now-x",
        "Basic token-of-now",
        "Bearer é",
    ],
)
def test_without_a_valid_token_it_is_a_401_and_nothing_is_sent(stand, authorization):
    answer = stand.post(ORDER, authorization=authorization)

    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert stand.sent == 0


def test_who_has_no_token_does_not_learn_which_queues_there_are(stand):
    assert stand.post(ORDER, queue="unheard-of", authorization=None).status == 401


def test_an_internal_queue_is_a_403_and_nothing_is_sent(stand):
    answer = stand.post({"data": {}}, queue="inner")

    assert (answer.status, answer.headers["content-type"]) == (403, "application/problem+json")
    assert answer.body["detail"] == "The queue inner is internal: only the pipeline itself sends to it."
    assert stand.sent == 0


def test_who_has_no_token_is_not_told_which_queues_are_internal(stand):
    assert stand.post({"data": {}}, queue="inner", authorization=None).status == 401


@pytest.mark.parametrize("name", ["unheard-of", "", "Orders", "\ud800"])
def test_an_unknown_queue_is_a_404(stand, name):
    assert stand.post(ORDER, queue=name).status == 404


def test_a_store_of_tokens_that_is_down_is_a_503(stand):
    stand.secrets.down = True

    assert stand.post(ORDER).status == 503


def test_tokens_that_are_none_let_nobody_in(stand):
    stand.secrets.strings["tokens"] = '[""]'

    assert stand.post(ORDER, authorization="Bearer ").status == 500
    assert stand.sent == 0


def test_a_body_over_the_limit_is_a_413(stand):
    assert stand.post(b"x" * (BODY_LIMIT_BYTES + 1)).status == 413


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"not JSON",
        b"\xff\xfe",
        b"null",
        b'"text"',
        b"7",
        b"{}",
        b"[]",
        b"[[]]",
        b"[" * 100_000,
        b'{"data": ' + b"[" * 100_000,
        b'{"data": ' + b'{"a":' * 20_000 + b"1" + b"}" * 20_001,
        b'{"data": ' + b"9" * 4301 + b"}",
        b'{"data": 1e999}',
        b'{"data": NaN}',
        b'{"data": "\\ud83d"}',
        b'{"data": "\xed\xa0\x80"}',
        b'{"data": 1, "delayseconds": ' + b"9" * 4301 + b"}",
        b'{"data": 1, "type": "\\ud83d"}',
    ],
    ids=range(20),
)
def test_what_is_no_message_is_a_400_and_nothing_is_sent(stand, body):
    answer = stand.post(body)

    assert answer.status == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.body["detail"]) < 600
    assert stand.sent == 0


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        ({"color": "red"}, "color"),
        ({"id": "msg_1"}, "id"),
        ({"type": 7}, "$.type"),
        ({"type": ""}, "$.type"),
        ({"source": " x"}, "$.source"),
        ({"subject": "x" * 1025}, "$.subject"),
        ({"idempotencykey": ""}, "$.idempotencykey"),
        ({"tenant": "€" * 400}, "$.tenant"),
        ({"delayseconds": -1}, "$.delayseconds"),
        ({"delayseconds": 366 * 86400}, "a year"),
        ({"delayseconds": 10**30}, "a year"),
        ({"delayseconds": "5"}, "$.delayseconds"),
        ({"delayseconds": True}, "$.delayseconds"),
        ({"delayseconds": 1.5}, "$.delayseconds"),
        ({"deliverat": "2026-01-02T00:00:00"}, "$.deliverat"),
        ({"deliverat": "2027-02-01T00:00:00Z"}, "a year"),
        ({"deliverat": "2026-02-01T00:00:00Z", "delayseconds": 5}, "both"),
        ({"delayseconds": 3600, "expirytime": "2026-01-01T01:00:00Z"}, "expired"),
        ({"expirytime": "tomorrow"}, "$.expirytime"),
        ({"expirytime": "2026-01-02T00:00:00"}, "$.expirytime"),
        ({"expirytime": 1767225600}, "$.expirytime"),
    ],
)
def test_a_wrong_attribute_is_a_400_that_names_it(stand, attributes, told):
    answer = stand.post({**ORDER, **attributes})

    assert answer.status == 400
    assert told in answer.body["detail"]
    assert stand.sent == 0


def test_data_that_is_not_the_queues_type_is_a_400_that_says_where(stand):
    answer = stand.post({"data": {"a": 1, "b": "two"}}, queue="typed")

    assert answer.status == 400
    assert "$.data" in answer.body["detail"]
    assert "Expected `int`, got `str`" in answer.body["detail"]


@pytest.mark.parametrize(
    "data", [b"1e999", b'"\xed\xa0\x80"', b"9" * 4301], ids=["1e999", "surrogate", "digits"]
)
def test_a_queue_of_bytes_takes_only_what_can_travel_as_json(stand, data):
    assert stand.post(b'{"data": ' + data + b"}", queue="opaque").status == 400
    assert stand.post(b'{"data": [1]}', queue="opaque").status == 202


def test_the_key_in_the_header_makes_a_repeat_a_duplicate(stand):
    first = stand.post(ORDER, idempotency_key="k")

    again = stand.post(ORDER, idempotency_key="k")

    assert again.status == 202
    assert again.body == {"messageId": first.body["messageId"], "duplicate": True}
    assert stand.sent == 1


@pytest.mark.parametrize(
    ("header", "key"),
    [("k", "k"), (" k ", "k"), ('"k"', "k"), ('"a\\"b\\\\c"', 'a"b\\c'), ('"', '"')],
)
def test_the_key_in_the_header_may_stand_in_quotes(stand, header, key):
    stand.post(ORDER, idempotency_key=header)

    assert stand.orders.messages[0].idempotency_key == key


def test_header_and_body_may_give_the_same_key(stand):
    assert stand.post({**ORDER, "idempotencykey": "k"}, idempotency_key="k").status == 202


@pytest.mark.parametrize(
    ("body", "header"),
    [
        ({**ORDER, "idempotencykey": "other"}, "k"),
        (ORDER, ""),
        (ORDER, '""'),
        (ORDER, "x" * 1025),
        ([ORDER], "k"),
    ],
)
def test_a_key_header_that_cannot_be_meant_is_a_400(stand, body, header):
    answer = stand.post(body, idempotency_key=header)

    assert answer.status == 400
    assert "key" in answer.body["detail"].lower()
    assert stand.sent == 0


def test_a_queue_that_is_down_is_a_503_and_the_retry_is_no_duplicate(stand):
    stand.orders.down = True
    refused = stand.post(ORDER, idempotency_key="k")
    stand.orders.down = False

    retried = stand.post(ORDER, idempotency_key="k")

    assert refused.status == 503
    assert int(refused.headers["retry-after"]) > 0
    assert (retried.status, "duplicate" in retried.body) == (202, False)


@pytest.mark.parametrize("attributes", [{}, {"partitionkey": None}])
def test_an_ordered_queue_asks_for_a_partition_key(stand, attributes):
    answer = stand.post({**ORDER, **attributes}, queue="ordered")

    assert answer.status == 400
    assert "partitionkey" in answer.body["detail"]


def test_an_ordered_queue_takes_a_message_with_its_key(stand):
    assert stand.post({**ORDER, "partitionkey": "p"}, queue="ordered").status == 202
    assert stand.brokers["ordered"].messages[0].ordering_key == "p"


def test_what_came_in_is_told_in_the_log(stand, log):
    stand.post([ORDER, ORDER], traceparent=TRACE)

    action, fields = log.lines[0]
    assert action is Action.RECEIVED
    assert fields == {"queue": "orders", "messages": 2, "traceparent": TRACE, "error": None}


def test_a_refusal_is_told_in_the_log_without_the_token(stand, log):
    stand.post(ORDER, authorization="Bearer guessed")

    [(action, fields)] = log.lines
    assert action is Action.REFUSED
    assert (fields["status"], fields["queue"]) == (401, "orders")
    assert "guessed" not in str(fields)
