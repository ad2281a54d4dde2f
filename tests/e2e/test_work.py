"""`headworks work` against a pipeline that is up: the same consumer, in a process of one's own."""

from __future__ import annotations

import json
import signal
import subprocess
import urllib.request

import pytest

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


def test_a_worker_delivers_what_its_paused_function_does_not_take(
    pipeline, headworks, run_directory, tmp_path
):
    port, event = free_port(), pipeline.event("stripe")
    assert headworks("pause", "webhooks", "--because", "a worker takes over").returncode == 0
    try:
        command = [HEADWORKS, "work", "webhooks", "--health-port", str(port), "--directory", run_directory]
        with (tmp_path / "lines").open("w") as lines, subprocess.Popen(command, stdout=lines) as worker:
            try:
                eventually(lambda: health(port), lambda found: found["is_well"], seconds=60)
                answer = pipeline.send(event)
                pipeline.wait_for(event)
            finally:
                worker.send_signal(signal.SIGTERM)
            assert worker.wait(30) == 0
    finally:
        assert headworks("resume", "webhooks").returncode == 0

    told = [json.loads(line) for line in (tmp_path / "lines").read_text().splitlines()]
    assert answer.answer["messageId"] in [
        line.get("message_id") for line in told if line.get("action") == "done"
    ]
