"""Webhooks in: verified, made durable, answered as the documentation says."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from headworks.http_api import BODY_LIMIT_BYTES
from headworks.payload import decode_payload
from headworks.telemetry import Action
from pipeline.payloads import WebhookDelivery

SECRET = "oldSecretoldSecretoldSecretoldSe"
OTHER_SECRET = "newSecretnewSecretnewSecretnewSe"
SOURCES = ("stripe", "github", "standard-webhooks")
INVOICE = json.dumps({"id": "evt_1", "type": "invoice.paid", "amount": "€ 5"}, indent=1).encode()
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def delivery_in(message):
    return decode_payload(message.data, WebhookDelivery, where="webhooks")


def test_an_accepted_event_is_answered_with_its_messages_id(stand):
    answer = stand.deliver("stripe", INVOICE)

    [message] = stand.messages
    assert answer.status == 200
    assert answer.body == {"received": True, "messageId": message.id}
    assert answer.headers["content-type"] == "application/json"


def test_the_message_tells_whose_event_it_is(stand):
    stand.deliver("stripe", INVOICE)

    [message] = stand.messages
    assert (message.source, message.type, message.subject) == ("stripe", "invoice.paid", "evt_1")
    assert message.idempotency_key == "stripe:evt_1/default"


@pytest.mark.parametrize("body", [INVOICE, b'{"id":"evt_1",  "type":"invoice.paid"}\n'])
def test_a_delivery_carries_the_body_byte_for_byte(stand, body):
    stand.deliver("stripe", body)

    [message] = stand.messages
    assert delivery_in(message).body == body
    assert (delivery_in(message).endpoint, delivery_in(message).method) == ("default", "POST")


def test_a_delivery_carries_the_sources_headers_and_no_others(stand):
    stand.deliver(
        "github", b"{}", event_id="72d3", x_github_event="push", x_github_hook_id="7", cookie="c", x_a="b"
    )

    [message] = stand.messages
    headers = delivery_in(message).headers
    assert headers.pop("x-hub-signature-256").startswith("sha256=")
    assert headers == {
        "content-type": "application/json",
        "x-github-delivery": "72d3",
        "x-github-event": "push",
        "x-github-hook-id": "7",
    }


def test_standard_webhooks_own_headers_are_not_forwarded(stand):
    stand.deliver("standard-webhooks", INVOICE)

    [message] = stand.messages
    assert delivery_in(message).headers == {"content-type": "application/json"}


def test_the_providers_trace_goes_on_in_the_message(stand):
    stand.deliver("stripe", INVOICE, traceparent=TRACE)

    [message] = stand.messages
    assert message.traceparent == TRACE


def test_githubs_form_bodies_arrive_in_base64_and_pass(stand):
    body = b"payload=%7B%22zen%22%3A%22Keep+it+simple%22%7D"

    answer = stand.deliver(
        "github", body, event_id="72d3", base64_body=True,
        content_type="application/x-www-form-urlencoded", x_github_event="ping",
    )  # fmt: skip

    [message] = stand.messages
    assert answer.status == 200
    assert message.type == "ping"
    assert delivery_in(message).body == body
    assert delivery_in(message).headers["content-type"] == "application/x-www-form-urlencoded"


def test_the_same_event_again_is_a_duplicate(stand):
    first = stand.deliver("stripe", INVOICE)
    stand.clock.advance(timedelta(days=3))

    again = stand.deliver("stripe", INVOICE)

    assert again.status == 200
    assert again.body == {"received": True, "duplicate": True, "messageId": first.body["messageId"]}
    assert stand.kept == 1


def test_events_of_two_sources_may_have_equal_ids(stand):
    stand.deliver("stripe", INVOICE, event_id="evt_1")
    answer = stand.deliver("standard-webhooks", INVOICE, event_id="evt_1")

    assert "duplicate" not in answer.body
    assert stand.kept == 2


@pytest.mark.parametrize("name", ["unheard-of", "", "Stripe", "../stripe", "\ud800", "x" * 5000])
def test_an_unknown_source_is_a_404(stand, name):
    answer = stand.post(name, INVOICE, {})

    assert answer.status == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.body["detail"]) < 250


def test_an_empty_body_is_a_400_although_it_is_signed(stand):
    assert stand.deliver("stripe", b"").status == 400
    assert stand.kept == 0


def test_a_body_over_the_limit_is_a_413_before_anything_is_verified(stand):
    stand.secrets.down = True

    answer = stand.post("stripe", b"x" * (BODY_LIMIT_BYTES + 1), {})

    assert answer.status == 413
    assert stand.kept == 0


def test_a_body_at_the_limit_is_accepted(stand):
    body = b'{"id": "evt_1", "type": "t", "filler": "'
    body += b"x" * (BODY_LIMIT_BYTES - len(body) - 2) + b'"}'

    assert stand.deliver("stripe", body, base64_body=True).status == 200


@pytest.mark.parametrize("name", SOURCES)
def test_a_wrong_signature_is_a_401_and_nothing_is_enqueued(stand_with, name):
    stand = stand_with(secret=OTHER_SECRET)

    answer = stand.deliver(name, INVOICE)

    assert answer.status == 401
    assert answer.body["title"] == "Unauthorized"
    assert stand.kept == 0


@pytest.mark.parametrize("name", ["stripe", "standard-webhooks"])
@pytest.mark.parametrize("step", [timedelta(minutes=6), timedelta(minutes=-6)], ids=["old", "ahead"])
def test_a_timestamp_out_of_tolerance_is_a_401(stand, name, step):
    headers = stand.signed(name, INVOICE, at=stand.clock.now() - step)

    answer = stand.post(name, INVOICE, headers)

    assert answer.status == 401
    assert stand.kept == 0


def test_while_rotating_what_either_secret_signed_is_accepted(stand_with):
    stand = stand_with(secret=json.dumps([OTHER_SECRET, SECRET]))

    assert stand.deliver("stripe", INVOICE).status == 200


@pytest.mark.parametrize("secret", ["", "[]", '[""]', '{"a": "b"}'])
def test_a_secret_that_is_none_lets_nobody_in_and_says_so_in_the_log_alone(stand_with, log, secret):
    stand = stand_with(secret=secret)

    answer = stand.deliver("stripe", INVOICE)

    assert answer.status == 401
    assert "secret" not in json.dumps(answer.body)
    [(_, fields)] = log.lines
    assert "the secret stripe" in str(fields["error"])


def test_a_store_of_secrets_that_is_down_is_a_503(stand):
    stand.secrets.down = True

    answer = stand.deliver("stripe", INVOICE)

    assert answer.status == 503
    assert stand.kept == 0


def test_a_queue_that_is_down_is_a_503_and_the_retry_is_no_duplicate(stand):
    stand.broker.down = True
    refused = stand.deliver("stripe", INVOICE)
    stand.broker.down = False

    retried = stand.deliver("stripe", INVOICE)

    assert refused.status == 503
    assert int(refused.headers["retry-after"]) > 0
    assert retried.status == 200
    assert "duplicate" not in retried.body


def test_a_memory_of_acceptances_that_is_down_costs_no_event(stand):
    stand.memories["webhooks"].down = True

    assert stand.deliver("stripe", INVOICE).status == 200
    assert len(stand.messages) == 1


def test_the_unforeseen_is_a_500_without_internals(stand, log):
    stand.broker.send = None

    answer = stand.deliver("stripe", INVOICE)

    assert answer.status == 500
    assert "NoneType" not in json.dumps(answer.body)
    assert isinstance(log.lines[-1][1]["error"], TypeError)


def test_an_event_is_told_in_the_log_without_body_or_signature(stand, log):
    stand.deliver("stripe", INVOICE, traceparent=TRACE)

    action, fields = log.lines[0]
    assert action is Action.RECEIVED
    assert fields == {
        "source": "stripe",
        "event_type": "invoice.paid",
        "event_id": "evt_1",
        "traceparent": TRACE,
        "error": None,
    }
    assert log.actions == [Action.RECEIVED, Action.QUEUED]


def test_a_refusal_is_told_in_the_log(stand, log):
    stand.post("stripe", INVOICE, {})

    [(action, fields)] = log.lines
    assert action is Action.REFUSED
    assert (fields["status"], fields["source"]) == (401, "stripe")
