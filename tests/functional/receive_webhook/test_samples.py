"""The sample events are accepted once they are signed, and refused as they are."""

from __future__ import annotations

import pytest

from headworks.webhooks.identity import identify
from headworks.webhooks.signing import sign
from tests.support.http_events import SAMPLES, answer, body_of, sample

NAMES = sorted(path.name for path in (SAMPLES / "receive_webhook").glob("*.json"))
TYPES = {
    "github_ping_form.json": "ping",
    "github_push.json": "push",
    "standard_webhooks_invoice_paid.json": "invoice.paid",
    "stripe_payment_intent_succeeded.json": "payment_intent.succeeded",
}


def test_every_sample_has_its_type_here():
    assert sorted(TYPES) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_that_is_signed_becomes_a_message_of_its_type(stand, name):
    event = sample(f"receive_webhook/{name}")
    source = stand.topology.source(event["pathParameters"]["source"])
    secret = stand.secrets.strings[source.name]
    event_id = identify(source, event["headers"], body_of(event)).event_id
    event["headers"] |= sign(source.scheme, secret, body_of(event), now=stand.clock.now(), event_id=event_id)

    accepted = answer(stand.handler(event, None))

    [message] = stand.broker.messages
    assert accepted.status == 200
    assert (message.type, message.subject) == (TYPES[name], event_id)


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_as_it_lies_there_is_refused(stand, name):
    assert answer(stand.handler(sample(f"receive_webhook/{name}"), None)).status == 401


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_names_its_source_in_path_and_parameters(name):
    event = sample(f"receive_webhook/{name}")

    assert event["rawPath"] == event["requestContext"]["http"]["path"]
    assert event["rawPath"] == f"/webhooks/{event['pathParameters']['source']}"
