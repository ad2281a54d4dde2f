"""The entry point, put together from a function's environment as the deployment writes it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headworks import settings
from headworks.clock import SystemClock
from headworks.ledger.dynamodb import DynamoDBLedger
from headworks.ledger.ledger import Entry, Letter
from headworks.testing.events import FakeContext
from pipeline.queues import WEBHOOKS
from tests.conftest import LEDGER_TABLE
from tests.functional.wake_waiting.test_rounds import EVENT
from tests.support.deployment import Deployment

SECOND = timedelta(seconds=1)


@pytest.fixture
def deployment(aws, monkeypatch):
    made = Deployment(aws, monkeypatch, secret="of nothing")
    aws("dynamodb").create_table(TableName="listed-ledger", **LEDGER_TABLE)
    monkeypatch.setenv(settings.LEDGER_TABLE, "listed-ledger")
    return made


def test_an_invocation_sends_what_waits_in_the_ledger_of_the_deployment(aws, deployment):
    clock = SystemClock()
    ledger = DynamoDBLedger(WEBHOOKS, "deliver_webhook", aws("dynamodb"), table="listed-ledger")
    entry = Entry(key="k", message_id="msg_1", type="invoice.paid", source="stripe")
    ledger.hold(entry, Letter(body='{"due": true}', sent_at=clock.now()), due=clock.now() - SECOND)

    deployment.handler("wake_waiting")(EVENT, FakeContext())

    assert deployment.bodies(deployment.urls[WEBHOOKS.name]) == ['{"due": true}']
    assert ledger.waiting(due_before=clock.now(), limit=10) == []
