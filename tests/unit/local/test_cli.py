"""The command line: exit codes, and sentences instead of stack traces."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from infra.local.samples import SAMPLES
from infra.local.workspace import Workspace
from tests.unit.local.test_outputs import OUTPUTS

HEADWORKS = Path(sys.executable).with_name("headworks")
SAMPLE = next(SAMPLES.glob("stripe_*.json"))


def run(*arguments):
    command = [HEADWORKS, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_run_that_was_killed_is_no_run(tmp_path):
    gone = msgspec.structs.replace(OUTPUTS, endpoint="http://127.0.0.1:1")
    gone.write(tmp_path / "outputs.json")

    sent = run("send", "stripe", SAMPLE, "--directory", tmp_path)

    assert sent.returncode == 1
    assert "the local run isn't up" in sent.stderr


def test_sending_without_a_run_says_what_to_do(tmp_path):
    sent = run("send", "stripe", SAMPLE, "--directory", tmp_path)

    assert sent.returncode == 1
    assert sent.stderr == "headworks: the local run isn't up: start it with `make dev` in another terminal\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("send", "paypal", SAMPLE), 1, "paypal isn't a source"),
        (("send", "github", SAMPLE), 1, "isn't an event of github"),
        (("send", "stripe", "missing.json"), 1, "can't be read"),
        (("send", "stripe"), 2, "Missing argument"),
        (("send", "stripe", SAMPLE, "--times", 0), 2, "--times"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_the_reason(arguments, code, said):
    sent = run(*arguments)

    assert sent.returncode == code
    assert said in sent.stderr
    assert "Traceback" not in sent.stderr


def test_a_second_run_is_refused_with_the_first_ones_process(tmp_path):
    with Workspace(tmp_path).taken():
        second = run("dev", "--directory", tmp_path)

    assert second.returncode == 1
    assert second.stderr.startswith("headworks: `make dev` is already running in this clone, as process ")


@pytest.mark.parametrize("module", ["aws_cdk", "boto3", "botocore"])
def test_no_command_waits_for_what_it_does_not_need(module):
    loaded = f"import sys, infra.cli.main; sys.exit({module!r} in sys.modules)"

    assert subprocess.run([sys.executable, "-c", loaded], check=False).returncode == 0
