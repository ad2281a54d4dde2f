"""The sample invocations, through the consumer that Lambda calls."""

from __future__ import annotations

import json
from hashlib import md5
from pathlib import Path

import pytest

from headworks.outcome import Dead, Done, Reason, Retry

SAMPLES = Path(__file__).parents[3] / "events" / "deliver_webhook"
NAMES = sorted(path.name for path in SAMPLES.glob("*.json"))


def sample(name):
    return json.loads((SAMPLES / name).read_text())


def ids(event):
    return [record["messageId"] for record in event["Records"]]


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_a_batch_as_sqs_makes_them(name):
    event = sample(name)

    assert len(set(ids(event))) == len(event["Records"])
    for record in event["Records"]:
        assert record["md5OfBody"] == md5(record["body"].encode(), usedforsecurity=False).hexdigest()
        assert record["eventSource"] == "aws:sqs"
        assert record["eventSourceARN"].endswith(":webhooks")


def test_one_webhook_is_delivered_and_done(stand):
    event = sample("one_webhook.json")

    assert stand.consume(event) == []

    assert list(stand.outcomes.values()) == [Done()]
    assert json.loads(stand.sent["body"])["type"] == "invoice.paid"
    assert stand.sent["headers"]["content-type"] == "application/json; charset=utf-8"
    assert stand.sent["headers"]["webhook-id"] == json.loads(event["Records"][0]["body"])["id"]


def test_of_a_batch_only_the_failed_record_comes_back(stand):
    event = sample("batch_with_a_failing_record.json")
    stand.client.answers_to[b"payment_failed"] = 503

    kept = stand.consume(event)

    [failing] = [record["messageId"] for record in event["Records"] if "payment_failed" in record["body"]]
    assert kept == [failing]
    assert isinstance(stand.outcomes.pop(failing), Retry)
    assert list(stand.outcomes.values()).count(Done()) == 9
    assert len(stand.client.sent) == 10


def test_a_batch_that_comes_again_is_delivered_once(stand):
    event = sample("batch_with_a_failing_record.json")

    stand.consume(event)
    stand.consume(event)

    assert len(stand.client.sent) == 10


@pytest.mark.parametrize("name", ["unreadable_body.json", "s3_notification.json"])
def test_what_is_no_delivery_is_dead_at_once_and_not_sent(stand, name):
    event = sample(name)

    assert stand.consume(event) == []

    [outcome] = stand.outcomes.values()
    assert isinstance(outcome, Dead)
    assert outcome.reason is Reason.UNDECODABLE
    assert stand.client.sent == []
