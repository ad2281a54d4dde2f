"""The entry point, put together from a function's environment as the deployment writes it."""

from __future__ import annotations

import pytest

from headworks.ledger import layout
from headworks.testing.events import FakeContext, sqs_event, sqs_record
from pipeline.queues import WEBHOOKS
from tests.functional.bury_crashed.test_burial import sample
from tests.support.deployment import LEDGER_TABLE, Deployment


@pytest.fixture
def deployment(aws, monkeypatch):
    return Deployment(aws, monkeypatch, secret="of nothing")


def test_an_invocation_writes_a_dead_letter_into_the_ledger_of_the_deployment(aws, deployment):
    body = sample("given_up_by_sqs.json")["Records"][0]["body"]
    name = deployment.dead_letter_urls[WEBHOOKS.name].rpartition("/")[2]

    answer = deployment.handler("bury_crashed")(sqs_event(sqs_record(body, queue=name)), FakeContext())

    assert answer == {"batchItemFailures": []}
    items = aws("dynamodb").scan(TableName=LEDGER_TABLE)["Items"]
    [dead] = [item for item in items if "state" in item]
    assert (dead["state"]["S"], dead["reason"]["S"]) == ("dead", "crashed")
    assert dead[layout.INDEX_KEY]["S"].startswith("dead#webhooks/deliver_webhook#")
