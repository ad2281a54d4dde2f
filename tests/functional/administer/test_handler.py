"""The entry point, put together from a function's environment as the deployment writes it."""

from __future__ import annotations

import json

import pytest

from headworks import settings
from headworks.clock import SystemClock
from headworks.ledger.dynamodb import DynamoDBLedger
from headworks.ledger.ledger import Entry, Letter
from headworks.outcome import Reason
from headworks.testing.events import FakeContext
from pipeline.queues import WEBHOOKS
from tests.conftest import LEDGER_TABLE
from tests.functional.administer.conftest import admin_event
from tests.functional.administer.test_openapi import OPERATIONS
from tests.support.deployment import Deployment
from tests.support.http_events import SAMPLES, answer, sample

TOKEN = "oldSecretoldSecretoldSecretoldSe"


@pytest.fixture
def deployment(aws, monkeypatch):
    made = Deployment(aws, monkeypatch, secret=TOKEN)
    aws("dynamodb").create_table(TableName="listed-ledger", **LEDGER_TABLE)
    monkeypatch.setenv(settings.LEDGER_TABLE, "listed-ledger")
    monkeypatch.setenv(settings.ADMIN_SECRET, "admins")
    monkeypatch.setenv(settings.CONSUMERS_PATH, "/headworks/here/consumers")
    aws("secretsmanager").create_secret(Name="admins", SecretString=TOKEN)
    return made


@pytest.fixture
def ask(deployment):
    handler = deployment.handler("administer")
    headers = {"authorization": f"Bearer {TOKEN}"}
    return lambda path: answer(handler(admin_event("GET", f"/admin{path}", headers=headers), FakeContext()))


def test_every_operation_is_there(ask):
    paths = ask("/openapi.json").body["paths"]

    found = {operation["operationId"] for path in paths.values() for operation in path.values()}
    assert found == set(OPERATIONS)


def test_what_is_dead_in_the_ledger_of_the_deployment_is_listed(aws, ask):
    clock = SystemClock()
    ledger = DynamoDBLedger(WEBHOOKS, "deliver_webhook", aws("dynamodb"), table="listed-ledger")
    entry = Entry(key="k", message_id="msg_1", type="invoice.paid", source="stripe")
    ledger.bury(entry, Letter(body="{}", sent_at=clock.now()), reason=Reason.EXPIRED, failure=None)

    [item] = ask("/queues/webhooks/messages").body["items"]

    assert (item["id"], item["reason"]) == ("msg_1", "expired")


def test_a_sample_as_it_lies_there_is_refused_and_with_a_token_answered(deployment):
    handler = deployment.handler("administer")
    for path in sorted((SAMPLES / "administer").glob("*.json")):
        event = sample(f"administer/{path.name}")
        assert answer(handler(event, FakeContext())).status == 401

        event["headers"]["authorization"] = f"Bearer {TOKEN}"
        assert answer(handler(event, FakeContext())).status == 200


def test_the_log_holds_no_token(deployment, capsys):
    handler = deployment.handler("administer")
    headers = {"authorization": "Bearer guessed"}

    handler(admin_event("GET", "/admin/queues?key=hidden", headers=headers), FakeContext())

    [line] = capsys.readouterr().out.splitlines()
    assert json.loads(line)["action"] == "refused"
    assert not [word for word in ("guessed", "hidden", TOKEN) if word in line]
