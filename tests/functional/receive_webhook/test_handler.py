"""The entry point as Lambda runs it: the environment, AWS (moto), the log on stdout."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from headworks.webhooks.signing import sign
from tests.support.deployment import Deployment
from tests.support.http_events import answer, http_event

SECRET = "oldSecretoldSecretoldSecretoldSe"
INVOICE = b'{"id": "evt_1", "type": "invoice.paid", "customer": "Ada Lovelace"}'


@pytest.fixture
def deployment(aws, monkeypatch):
    return Deployment(aws, monkeypatch, secret=SECRET)


def signed(body, source="stripe", **headers):
    signature = sign(source, SECRET, body, now=datetime.now(UTC), event_id="evt_1")
    return http_event(
        body, {"content-type": "application/json", **signature, **headers}, base64_body=True, source=source
    )


def test_a_webhook_ends_on_the_queue_and_comes_once(deployment):
    handler = deployment.handler("receive_webhook")

    first, again = answer(handler(signed(INVOICE), None)), answer(handler(signed(INVOICE), None))

    [body] = deployment.bodies(deployment.urls["webhooks"])
    message = json.loads(body)
    assert (first.status, again.status) == (200, 200)
    assert first.body == {"received": True, "messageId": message["id"]}
    assert again.body == {**first.body, "duplicate": True}
    assert message["idempotencykey"] == "stripe:evt_1/default"


def test_a_body_too_large_for_the_queue_ends_on_it_nevertheless(deployment):
    body = b'{"id": "evt_1", "type": "t", "filler": "' + b"x" * 3_000_000 + b'"}'

    accepted = answer(deployment.handler("receive_webhook")(signed(body), None))

    [queued] = deployment.bodies(deployment.urls["webhooks"])
    assert accepted.status == 200
    assert json.loads(queued)["dataref"].startswith("s3://")


@pytest.mark.parametrize(
    "body",
    [
        b"Hello, World!",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"id": ' + b"9" * 4301 + b"}",
        b'{"id": "\\ud83d"}',
        b" ",
    ],
    ids=range(6),
)
def test_a_hostile_body_that_is_signed_ends_among_the_dead_letters(deployment, body):
    accepted = answer(deployment.handler("receive_webhook")(signed(body), None))

    assert accepted.status == 200
    assert len(deployment.bodies(deployment.dead_letter_urls["webhooks"])) == 1


def test_the_log_holds_no_body_no_signature_and_no_secret(deployment, capsys):
    handler = deployment.handler("receive_webhook")
    event = signed(INVOICE)

    handler(event, None)
    handler(signed(INVOICE + b" ", **{"stripe-signature": event["headers"]["stripe-signature"]}), None)

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    told = json.dumps(lines)
    assert [line["action"] for line in lines] == ["received", "queued", "refused"]
    assert lines[2]["service"] == "receive_webhook"
    for hidden in (SECRET, "Lovelace", event["headers"]["stripe-signature"].partition("v1=")[2]):
        assert hidden not in told
