"""`.local/outputs.json`: whole or not there, and for its owner's eyes."""

import stat

import pytest

from infra.local.errors import NotRunning
from infra.local.outputs import (
    ConsumerOutput,
    EndpointOutput,
    Outputs,
    QueueOutput,
    SourceOutput,
    read_outputs,
)

OUTPUTS = Outputs(
    endpoint="http://127.0.0.1:1/api",
    sources={"stripe": SourceOutput(path="/webhooks/stripe", secret="s1")},
    producer_token="s2",
    admin_token="s4",
    inbox_url="http://127.0.0.1:2",
    inbox_secret="s3",
    endpoints={"default": EndpointOutput(url="http://127.0.0.1:2/default", secret="s3")},
    aws_endpoint_url="http://127.0.0.1:1",
    queues={
        "webhooks": QueueOutput(
            consumers={"deliver_webhook": ConsumerOutput(url="q", dead_letter_queue_url="dlq")}
        )
    },
    ledger_table="ledger",
    deduplication_table="deduplication",
    claim_check_bucket="bodies",
)


def test_what_is_written_is_read_back(tmp_path):
    OUTPUTS.write(tmp_path / "outputs.json")

    assert read_outputs(tmp_path / "outputs.json") == OUTPUTS


def test_the_file_is_its_owners_alone_and_nothing_lies_beside_it(tmp_path):
    path = tmp_path / "outputs.json"
    path.write_text("of another run")

    OUTPUTS.write(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_without_a_run_it_is_said_what_to_do(tmp_path):
    with pytest.raises(NotRunning, match="start it with `make dev`"):
        read_outputs(tmp_path / "outputs.json")
