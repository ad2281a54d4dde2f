"""Pausing the deployed pipeline: what comes meanwhile isn't lost, and runs once when it is resumed."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from headworks.chunks import chunks
from headworks.clock import SystemClock
from headworks.ledger import layout
from headworks.message import encode, new_message
from infra.local.aws import clients_of
from pipeline.queues import PAYMENTS
from pipeline.sources import PAYMENT_SUCCEEDED
from tests.e2e.pipeline import eventually

pytestmark = pytest.mark.e2e

MANY = 500


def payment(number, mark):
    """A message that a payment was made, as the edge sends it on."""
    intent = {"id": f"pi_{number}_{mark}", "status": "succeeded", "amount_received": 1, "currency": "eur"}
    event = {"id": f"evt_{number}_{mark}", "type": PAYMENT_SUCCEEDED, "data": {"object": intent}}
    return new_message(
        json.dumps(event).encode(),
        source="stripe",
        type=PAYMENT_SUCCEEDED,
        clock=SystemClock(),
        queue="payments",
        idempotency_key=f"stripe:evt_{number}_{mark}",
    )


def items_of(pipeline, messages):
    """The ledger's items of these messages of payments, as far as it has any."""
    dynamodb, table = clients_of(pipeline.outputs.aws_endpoint_url)("dynamodb"), pipeline.outputs.ledger_table
    ids = [layout.identity("payments/confirm_payment", message.idempotency_key) for message in messages]
    return [
        item
        for some in chunks(ids, 100)
        for item in dynamodb.batch_get_item(
            RequestItems={table: {"Keys": [{"id": {"S": each}} for each in some]}}
        )["Responses"][table]
    ]


def test_500_messages_that_arrive_while_their_consumer_is_paused_are_done_once_each(pipeline):
    url = pipeline.outputs.queues["payments"].consumers["confirm_payment"].url
    sqs = clients_of(pipeline.outputs.aws_endpoint_url)("sqs")
    messages = [payment(number, uuid4().hex) for number in range(MANY)]

    paused = pipeline.ask("POST", "/queues/payments/pause", {"reason": "a test"})
    try:
        for some in chunks(messages, 10):
            entries = [{"Id": str(n), "MessageBody": encode(each)} for n, each in enumerate(some)]
            assert not sqs.send_message_batch(QueueUrl=url, Entries=entries).get("Failed")
        [shown] = eventually(
            lambda: pipeline.ask("GET", "/queues/payments").json()["consumers"],
            lambda consumers: consumers[0]["pending"] >= MANY,
        )
        # One batch may have been on its way when it was paused.
        assert len(items_of(pipeline, messages)) <= 10
    finally:
        resumed = pipeline.ask("POST", "/queues/payments/resume", {})

    assert (paused.status, resumed.status) == (200, 200)
    assert shown["paused"]["reason"] == "a test"
    assert shown["trouble"] == []
    # A process of the emulator's that dies in such a burst gives its batch back after the visibility timeout.
    items = eventually(
        lambda: items_of(pipeline, messages),
        lambda found: [each["state"]["S"] for each in found] == ["completed"] * MANY,
        seconds=PAYMENTS.visibility_timeout.total_seconds() + 60,
    )
    assert [item for item in items if item["attempt"]["N"] != "1" and item["crashes"]["N"] == "0"] == []


def test_what_a_paused_source_sends_is_answered_kept_back_and_sent_when_it_is_resumed(pipeline):
    pause, resume = "/sources/standard-webhooks/pause", "/sources/standard-webhooks/resume"
    assert pipeline.ask("POST", pause, {}).status == 200
    try:
        kept_back = []
        while not kept_back or not _held(pipeline):
            # Until the functions have learnt of it events are sent as always.
            kept_back = [pipeline.event("standard-webhooks")]
            assert pipeline.send(kept_back[0]).status == 200
        again = pipeline.send(kept_back[0])
        waiting = pipeline.ask(
            "GET", "/queues/webhooks/messages?state=waiting&source=standard-webhooks"
        ).json()
        assert pipeline.arrivals(kept_back[0]) == []
    finally:
        assert pipeline.ask("POST", resume, {}).status == 200

    assert again.answer["duplicate"]
    assert again.answer["messageId"] in [item["id"] for item in waiting["items"]]
    # Functions may keep back more for ten seconds, and the waker comes every minute.
    assert len(pipeline.wait_for(kept_back[0], seconds=200)) == 1
    assert _held(pipeline) == 0


def _held(pipeline):
    [source] = [
        each
        for each in pipeline.ask("GET", "/queues").json()["sources"]
        if each["name"] == "standard-webhooks"
    ]
    return source["held"]
