"""`headworks work` against a pipeline that is up: the same consumer, in a process of one's own."""

from __future__ import annotations

import json
import signal
import subprocess
import urllib.request
from contextlib import contextmanager

import pytest

from infra.local.aws import clients_of
from tests.e2e.conftest import HEADWORKS
from tests.e2e.pipeline import eventually
from tests.support.valkey import free_port

pytestmark = pytest.mark.e2e


def health(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            return json.load(answer)
    except OSError:
        return {"is_well": False}


@contextmanager
def mapping_off(pipeline, consumer):
    """As an operator has a worker alone take messages: the function's mapping disabled."""
    client = clients_of(pipeline.outputs.aws_endpoint_url)("lambda")
    [mapping] = [
        each
        for each in client.list_event_source_mappings()["EventSourceMappings"]
        if consumer in each["FunctionArn"].lower() or consumer.replace("_", "") in each["FunctionArn"].lower()
    ]
    client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    try:
        yield
    finally:
        client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


def test_a_worker_delivers_in_place_of_its_function_until_it_is_paused(
    pipeline, headworks, run_directory, tmp_path
):
    port, event, kept_back = free_port(), pipeline.event("stripe"), pipeline.event("stripe")
    command = [HEADWORKS, "work", "webhooks", "--health-port", str(port), "--directory", run_directory]
    with (
        mapping_off(pipeline, "deliver_webhook"),
        (tmp_path / "lines").open("w") as lines,
        subprocess.Popen(command, stdout=lines) as worker,
    ):
        try:
            eventually(lambda: health(port), lambda found: found["is_well"], seconds=60)
            answer = pipeline.send(event)
            pipeline.wait_for(event)
            assert headworks("pause", "webhooks").returncode == 0
            eventually(lambda: health(port), lambda found: found.get("is_paused"), seconds=30)
            pipeline.send(kept_back)
            assert not pipeline.arrivals(kept_back)
            assert headworks("resume", "webhooks").returncode == 0
            pipeline.wait_for(kept_back)
        finally:
            worker.send_signal(signal.SIGTERM)
        assert worker.wait(30) == 0

    told = [json.loads(line) for line in (tmp_path / "lines").read_text().splitlines()]
    assert answer.answer["messageId"] in [
        line.get("message_id") for line in told if line.get("action") == "done"
    ]
