"""Where a verified event goes: along every route it matches, or among the dead letters - never nowhere."""

from __future__ import annotations

import json

import pytest

from headworks.outbound.endpoints import Endpoint
from headworks.outcome import Reason
from headworks.payload import decode_payload
from headworks.telemetry import Action
from headworks.topology import Topology
from headworks.webhooks import sources
from headworks.webhooks.routes import Route
from pipeline.payloads import WebhookDelivery
from pipeline.queues import WEBHOOKS
from tests.support.declarations import a_queue

INVOICE = b'{"id": "evt_1",  "type": "invoice.paid"}'
PUSH = {"event_id": "72d3", "x_github_event": "push"}

INVOICES = a_queue(name="invoices", consumers=("book_invoice",))
PUSHES = a_queue(name="pushes", consumers=("build_push",))
TO_INVOICES = Route(queue="invoices", source="stripe", event_type="invoice.*")
TO_ENDPOINT = Route(queue="webhooks", source="stripe", endpoint="default")
TO_PUSHES = Route(queue="pushes", source="github", event_type="push")


def topology(*routes, queues=(PUSHES, INVOICES, WEBHOOKS)):
    every = (sources.stripe(), sources.github(), sources.standard_webhooks())
    return Topology(
        queues=queues,
        sources=tuple(source for source in every if any(route.serves(source.name) for route in routes)),
        routes=routes,
        endpoints=(Endpoint(name="default"), Endpoint(name="audit")),
    )


def keys(broker):
    return [message.idempotency_key for message in broker.messages]


def test_without_an_endpoint_the_body_is_the_payload_itself(stand_with):
    stand = stand_with(topology(TO_INVOICES))

    stand.deliver("stripe", INVOICE)

    [message] = stand.brokers["invoices"].messages
    assert message.data == INVOICE
    assert message.data_content_type == "application/json"
    assert message.idempotency_key == "stripe:evt_1"


@pytest.mark.parametrize(
    "body", [b"not JSON", b"\xff\xfe", b"[" * 100_000, b'{"n": 1e999}', b'"\\ud83d"'], ids=range(5)
)
def test_a_body_that_is_no_json_travels_as_the_bytes_that_it_is(stand_with, body):
    stand = stand_with(topology(TO_PUSHES))

    answer = stand.deliver("github", body, base64_body=True, **PUSH)

    [message] = stand.messages
    assert answer.status == 200
    assert message.data == body
    assert message.data_content_type == "application/octet-stream"


def test_a_body_of_another_media_type_keeps_it(stand_with):
    stand = stand_with(topology(TO_PUSHES))
    form = "application/x-www-form-urlencoded"

    stand.deliver("github", b"payload=%7B%7D", base64_body=True, content_type=form, **PUSH)

    assert stand.messages[0].data_content_type == form


def test_an_event_goes_along_every_route_that_it_matches(stand_with):
    stand = stand_with(topology(TO_INVOICES, TO_ENDPOINT, TO_PUSHES))

    answer = stand.deliver("stripe", INVOICE)

    assert keys(stand.brokers["invoices"]) == ["stripe:evt_1"]
    assert keys(stand.brokers["webhooks"]) == ["stripe:evt_1/default"]
    assert answer.body["messageId"] == stand.brokers["invoices"].messages[0].id


def test_an_event_goes_once_where_two_routes_lead(stand_with):
    stand = stand_with(topology(TO_ENDPOINT, Route(queue="webhooks", endpoint="default")))
    stand.memories["webhooks"].down = True

    answer = stand.deliver("stripe", INVOICE)

    assert stand.kept == 1
    assert "duplicate" not in answer.body


def test_two_endpoints_of_one_queue_get_a_message_each(stand_with):
    stand = stand_with(topology(TO_ENDPOINT, Route(queue="webhooks", endpoint="audit")))

    stand.deliver("stripe", INVOICE)

    assert keys(stand.brokers["webhooks"]) == ["stripe:evt_1/default", "stripe:evt_1/audit"]


@pytest.mark.parametrize("down", ["invoices", "webhooks"])
def test_the_providers_retry_completes_only_what_is_missing(stand_with, down):
    stand = stand_with(topology(TO_INVOICES, TO_ENDPOINT))
    stand.brokers[down].down = True
    refused = stand.deliver("stripe", INVOICE)
    assert stand.kept == 1
    stand.brokers[down].down = False

    retried = stand.deliver("stripe", INVOICE)
    again = stand.deliver("stripe", INVOICE)

    assert [each.status for each in (refused, retried, again)] == [503, 200, 200]
    assert "duplicate" not in retried.body
    assert again.body["duplicate"] is True
    assert [len(stand.brokers[name].messages) for name in ("invoices", "webhooks")] == [1, 1]


def test_an_event_that_no_route_takes_is_quarantined_with_its_sources_first_queue(stand_with, log):
    stand = stand_with(topology(TO_PUSHES, TO_INVOICES))
    body = b'{"id": "evt_1", "type": "charge.failed"}'

    answer = stand.deliver("stripe", body)

    [(message, reason, error)] = stand.brokers["invoices"].buried
    assert answer.status == 200
    assert answer.body == {"received": True, "messageId": message.id}
    assert (message.data, message.type, message.subject) == (body, "charge.failed", "evt_1")
    assert reason == Reason.QUARANTINED
    assert "charge.failed" in error
    assert log.actions == [Action.RECEIVED, Action.QUARANTINED]
    assert stand.kept == 1


def test_a_quarantined_event_that_comes_again_is_kept_once(stand_with):
    stand = stand_with(topology(TO_PUSHES, TO_INVOICES))
    first = stand.deliver("stripe", b'{"id": "evt_1", "type": "charge.failed"}')

    again = stand.deliver("stripe", b'{"id": "evt_1", "type": "charge.failed"}')

    assert again.body == {"received": True, "duplicate": True, "messageId": first.body["messageId"]}
    assert stand.kept == 1


@pytest.mark.parametrize(
    "body",
    [
        b"Hello, World!",
        b"\xff\xfe",
        b" ",
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"id": "evt_1", "type": "t", "a": ' + b'{"a":' * 100_000,
        b'{"type": "invoice.paid"}',
        b'{"id": 9' + b"9" * 4301 + b', "type": "invoice.paid"}',
        b'{"id": NaN' + b"x" * 300 + b"}",
        b'{"id": "\\ud83d", "type": "invoice.paid"}',
        b'{"id": "evt_1", "type": "\\ud83d"}',
        json.dumps({"id": "x" * 100_000, "type": "invoice.paid"}).encode(),
        json.dumps({"id": "evt_1", "type": "x" * 100_000}).encode(),
        json.dumps({"id": {"a": 1}, "type": "invoice.paid"}).encode(),
    ],
    ids=range(15),
)
def test_a_verified_event_of_an_unexpected_shape_is_quarantined_as_a_delivery_that_a_replay_can_send(
    stand, body
):
    answer = stand.deliver("stripe", body, base64_body=True)

    [(message, reason, _)] = stand.buried
    assert answer.status == 200
    assert answer.body["messageId"] == message.id
    assert reason == Reason.QUARANTINED
    assert message.type == "unknown"
    assert decode_payload(message.data, WebhookDelivery, where="webhooks").body == body
    assert stand.messages == []


def test_an_unexpected_shape_without_an_endpoint_is_kept_as_its_bytes(stand_with):
    stand = stand_with(topology(TO_INVOICES))

    stand.deliver("stripe", b"Hello, World!")

    [(message, _, _)] = stand.buried
    assert (message.data, message.data_content_type) == (b"Hello, World!", "application/octet-stream")


def test_an_event_without_a_type_takes_the_routes_of_every_type(stand):
    answer = stand.deliver("standard-webhooks", b'{"test": 2432232314}', event_id="msg_1")

    [message] = stand.messages
    assert answer.status == 200
    assert (message.type, message.idempotency_key) == ("unknown", "standard-webhooks:msg_1/default")


def test_dead_letters_that_cannot_be_kept_are_a_503(stand):
    stand.broker.down = True

    assert stand.deliver("stripe", b"Hello, World!").status == 503
    assert stand.kept == 0
