"""The entry point, put together from a function's environment as the deployment writes it."""

from __future__ import annotations

import importlib
import sys

import pytest

from headworks import clients, settings
from headworks.testing.events import FakeContext
from pipeline import TOPOLOGY
from pipeline.queues import WEBHOOKS
from tests.functional.deliver_webhook.conftest import SECRET
from tests.functional.deliver_webhook.test_samples import sample
from tests.unit.outbound.server import OK, Server, replying

CLIENTS = (clients.sqs, clients.dynamodb, clients.s3, clients.secrets_manager)


@pytest.fixture
def endpoint():
    server = Server(replying(OK))
    yield server
    server.close()


@pytest.fixture
def handler(emulator_clients, ledger_table, endpoint, monkeypatch):
    """Imported anew, with clients of its own."""
    default = TOPOLOGY.endpoint("default")
    [consumer] = WEBHOOKS.consumers
    sqs = emulator_clients("sqs")
    emulator_clients("secretsmanager").create_secret(Name="endpoint-secret", SecretString=SECRET)
    environment = {
        "AWS_ENDPOINT_URL": sqs.meta.endpoint_url,
        "AWS_DEFAULT_REGION": sqs.meta.region_name,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        WEBHOOKS.url_variable(consumer): sqs.create_queue(QueueName="webhooks")["QueueUrl"],
        WEBHOOKS.dead_letter_url_variable(consumer): sqs.create_queue(QueueName="dead")["QueueUrl"],
        settings.LEDGER_TABLE: ledger_table,
        settings.CLAIM_CHECK_BUCKET: "bodies",
        settings.ALLOWED_NETWORKS: "127.0.0.0/8",
        default.secret_variable: "endpoint-secret",
        default.url_variable: endpoint.url,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for client in CLIENTS:
        client.cache_clear()
    monkeypatch.delitem(sys.modules, "deliver_webhook.handler", raising=False)
    yield importlib.import_module("deliver_webhook.handler").handler
    for client in CLIENTS:
        client.cache_clear()


@pytest.mark.e2e
def test_an_invocation_posts_its_webhook_to_the_endpoint_of_the_deployment(handler, endpoint):
    answer = handler(sample("one_webhook.json"), FakeContext())

    assert answer == {"batchItemFailures": []}
    assert b"invoice.paid" in endpoint.requests[0]
