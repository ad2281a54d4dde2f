"""What every kind of test may use."""

from __future__ import annotations

import boto3
import pytest
from moto import mock_aws

from headworks.testing.clock import MovingClock
from headworks.testing.log import RecordingLog

REGION = "us-east-1"


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
