"""What every kind of test may use."""

from __future__ import annotations

import subprocess
from uuid import uuid4

import boto3
import pytest
from moto import mock_aws

from headworks.ledger import layout
from headworks.testing.clock import MovingClock
from headworks.testing.log import RecordingLog
from infra.local.aws import clients_of
from infra.local.emulator import running_emulator
from infra.local.errors import NotSetUp
from infra.local.workspace import PROJECT, Workspace, emulator_python
from tests.support.valkey import REDIS_SERVER, is_there

REGION = "us-east-1"
LEDGER_TABLE = {
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [
        {"AttributeName": "id", "AttributeType": "S"},
        {"AttributeName": layout.INDEX_KEY, "AttributeType": "S"},
        {"AttributeName": layout.INDEX_SORT, "AttributeType": "N"},
        {"AttributeName": layout.FOUND_BY, "AttributeType": "S"},
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": layout.INDEX,
            "KeySchema": [
                {"AttributeName": layout.INDEX_KEY, "KeyType": "HASH"},
                {"AttributeName": layout.INDEX_SORT, "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(layout.LISTED_ATTRIBUTES)},
        },
        {
            "IndexName": layout.FOUND_BY,
            "KeySchema": [{"AttributeName": layout.FOUND_BY, "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        },
    ],
    "BillingMode": "PAY_PER_REQUEST",
}


def pytest_terminal_summary(terminalreporter):
    """Say which server's promises weren't held, where those of the others were."""
    ran = {report.nodeid for report in terminalreporter.stats.get("passed", ())}
    if any("tests/contract/test_redis_" in each for each in ran) and not is_there("redis-7"):
        terminalreporter.write_line(
            "NOT TESTED on Redis 7.0: redis-server isn't installed. `apt-get install redis-server` brings it, or name "
            f"one with {REDIS_SERVER}=/path/to/redis-server."
        )


@pytest.fixture
def clock():
    return MovingClock()


@pytest.fixture
def log():
    return RecordingLog()


@pytest.fixture
def aws(monkeypatch):
    """AWS in this process (moto): answers a client by its service's name."""
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(variable, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield lambda service: boto3.client(service, region_name=REGION)


@pytest.fixture(scope="session")
def emulator_clients(tmp_path_factory):
    """An AWS emulator in a process of its own (ministack): answers a client by its service's name."""
    try:
        emulator_python()
    except NotSetUp:
        subprocess.run(["make", ".local/emulator/.installed"], cwd=PROJECT, check=True)
    with running_emulator(Workspace(tmp_path_factory.mktemp("emulator"))) as emulator:
        yield clients_of(emulator.url)


@pytest.fixture
def ledger_table(emulator_clients):
    """The ledger's table on the emulator: moto can't read the statements of the bulk lease."""
    name = f"ledger-{uuid4().hex}"
    emulator_clients("dynamodb").create_table(TableName=name, **LEDGER_TABLE)
    return name


@pytest.fixture
def table(aws):
    """A table keyed by `id`, as the ledger and deduplication have it; answers its name."""
    aws("dynamodb").create_table(
        TableName="table",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return "table"


@pytest.fixture
def bucket(aws):
    """A bucket; answers its name."""
    aws("s3").create_bucket(Bucket="bodies")
    return "bodies"
