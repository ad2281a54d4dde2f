"""What a user sees of the local run: its screen, its outputs, its command line."""

import json
import re
import stat

import pytest

from infra.local.samples import SAMPLES, own_samples
from pipeline import TOPOLOGY
from tests.e2e.pipeline import eventually

pytestmark = pytest.mark.e2e

STORY = re.compile(r"[\d:.]+  (?P<message>\w+) +\+[\d.]+ s  (?P<word>(?:\w+: )?\w+)")


def stories(run_directory):
    """What the screen tells of each message, a word a line: `received`, `queued`, `deliver_webhook: attempt`, ..."""
    told = {}
    for line in (run_directory / "screen.txt").read_text().splitlines():
        if story := STORY.match(line):
            told.setdefault(story["message"], []).append(story["word"])
    return list(told.values())


def test_every_sample_is_delivered_and_its_story_told(run_directory):
    whole = ["received", "queued", "deliver_webhook: attempt", "deliver_webhook: done"]

    eventually(
        lambda: stories(run_directory), lambda seen: seen.count(whole) >= len(own_samples()), seconds=90
    )


def test_a_second_run_in_the_same_place_is_refused(headworks):
    refused = headworks("dev")

    assert refused.returncode == 1
    assert "already running in this clone, as process" in refused.stderr


def test_the_outputs_tell_how_to_reach_everything_and_only_to_their_owner(run_directory):
    path = run_directory / "outputs.json"

    outputs = json.loads(path.read_text())

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert outputs["sources"].keys() == {source.name for source in TOPOLOGY.sources}
    assert outputs["queues"].keys() == {queue.name for queue in TOPOLOGY.queues}
    assert outputs["sources"]["stripe"].keys() == {"path", "secret"}
    for name in ("endpoint", "inbox_url", "aws_endpoint_url"):
        assert outputs[name].startswith("http://127.0.0.1:")


def test_a_sample_is_sent_as_a_new_event_or_as_the_same_again(headworks):
    file = next(SAMPLES.glob("stripe_*.json"))

    new = headworks("send", "stripe", file, "--times", 2, "--json")
    same = headworks("send", "stripe", file, "--times", 2, "--json", "--same-id")

    answers = [json.loads(line)["answer"] for line in new.stdout.splitlines()]
    assert len({answer["messageId"] for answer in answers}) == 2
    first, second = [json.loads(line)["answer"] for line in same.stdout.splitlines()]
    assert second == {**first, "duplicate": True}


def test_no_secret_is_shown(run_directory, headworks):
    outputs = json.loads((run_directory / "outputs.json").read_text())
    file = next(SAMPLES.glob("stripe_*.json"))

    sent = headworks("send", "stripe", file)

    shown = sent.stdout + sent.stderr + (run_directory / "screen.txt").read_text()
    secrets = [source["secret"] for source in outputs["sources"].values()]
    secrets += [outputs[name] for name in ("producer_token", "admin_token", "inbox_secret")]
    assert not [secret for secret in secrets if secret in shown]
