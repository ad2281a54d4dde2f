"""The command line against a pipeline that is up."""

import json

import pytest

from infra.local.environment import REGION

pytestmark = pytest.mark.e2e


def test_a_dead_letter_is_listed_and_shown_by_its_id_with_its_story(pipeline, headworks):
    event = pipeline.event("github", padding_bytes=60_000)
    pipeline.behave(event, 404)
    message_id = pipeline.send(event).answer["messageId"]
    pipeline.dead_letter(message_id)

    listed = headworks("dead", "list", "--reason", "rejected", "--since", "1h", "--json")
    shown = headworks("dead", "show", message_id, "--json")

    assert message_id in [each["id"] for each in json.loads(listed.stdout)["items"]]
    [item] = json.loads(shown.stdout)["items"]
    [failure] = item["history"]
    assert (failure["attempt"], failure["errorType"]) == (1, "Reject")
    assert failure["requestId"]
    assert event.mark in headworks("dead", "show", item["key"]).stdout
    assert (listed.returncode, shown.returncode) == (0, 0)


def test_an_unknown_message_is_exit_code_1(pipeline, headworks):
    assert headworks("dead", "show", "msg_unheard-of").returncode == 1


def test_a_deployed_pipeline_is_found_by_the_outputs_of_its_stack(pipeline, headworks, monkeypatch):
    for variable, value in {
        "AWS_ENDPOINT_URL": pipeline.outputs.aws_endpoint_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(variable, value)
    message_id = pipeline.give_up("webhooks", "deliver_webhook")
    pipeline.dead_letter(message_id)

    shown = headworks("dead", "show", message_id, "--json", "--region", REGION)

    assert shown.returncode == 0, shown.stderr
    assert json.loads(shown.stdout)["items"][0]["reason"] == "crashed"
