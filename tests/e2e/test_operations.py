"""The command line against a pipeline that is up."""

import json
from uuid import uuid4

import pytest

from infra.local.environment import REGION

pytestmark = pytest.mark.e2e


def dead_event(pipeline, *, padding_bytes=0):
    """An event that its endpoint has refused, and its message id."""
    event = pipeline.event("github", padding_bytes=padding_bytes)
    pipeline.behave(event, 404)
    message_id = pipeline.send(event).answer["messageId"]
    pipeline.dead_letter(message_id)
    return event, message_id


def document(done):
    """What a command printed, which went well."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_dead_letter_is_listed_and_shown_by_its_id_with_its_story(pipeline, headworks):
    event, message_id = dead_event(pipeline, padding_bytes=60_000)

    listed = document(headworks("dead", "list", "--reason", "rejected", "--since", "1h", "--json"))
    shown = document(headworks("dead", "show", message_id, "--json"))

    assert message_id in [each["id"] for each in listed["items"]]
    [item] = shown["items"]
    [failure] = item["history"]
    assert (failure["attempt"], failure["errorType"]) == (1, "Reject")
    assert failure["requestId"]
    assert event.mark in headworks("dead", "show", item["key"]).stdout


def test_an_unknown_message_is_exit_code_1(pipeline, headworks):
    assert headworks("dead", "show", "msg_unheard-of").returncode == 1
    assert headworks("find", "msg_unheard-of").returncode == 1


def test_an_unknown_queue_is_exit_code_2(pipeline, headworks):
    assert headworks("dead", "list", "--queue", "unheard-of").returncode == 2
    assert headworks("stats", "unheard-of").returncode == 2


def test_a_delivered_event_is_found_by_its_message_id_and_by_its_providers(pipeline, headworks):
    event = pipeline.event("stripe")
    answer = pipeline.send(event)
    pipeline.wait_for(event)
    message_id = answer.answer["messageId"]

    by_id = document(headworks("find", message_id, "--json"))
    by_event = document(headworks("find", answer.event_id, "--json"))

    for found in (by_id, by_event):
        assert message_id in [each["id"] for each in found["received"]]
        assert "webhooks" in [each["queue"] for each in found["items"]]
    assert message_id in headworks("find", answer.event_id).stdout


def test_a_dead_letter_is_replayed_and_delivered_once(pipeline, headworks):
    event, message_id = dead_event(pipeline)
    pipeline.behave(event, 200)

    counted = document(headworks("dead", "replay", message_id, "--dry-run", "--json"))
    replayed = document(headworks("dead", "replay", message_id, "--because", "it is back", "--json"))
    again = headworks("dead", "replay", message_id, "--queue", "webhooks", "--json")

    assert (counted["state"], counted["selected"]) == ("dry run", 1)
    assert (replayed["state"], replayed["sent"]) == ("finished", 1)
    assert json.loads(again.stdout)["sent"] == 0
    refused, delivered = pipeline.wait_for(event, deliveries=2)
    assert (refused.status, delivered.status) == (404, 200)
    [item] = document(headworks("find", message_id, "--json"))["items"]
    [record] = item["replayed"]
    assert (record["replay"], record["reason"]) == (replayed["id"], "it is back")
    assert document(headworks("replays", "show", replayed["id"], "--json"))["by"] == record["by"]


def test_a_payload_is_edited_before_it_is_replayed(pipeline, headworks, tmp_path):
    event, message_id = dead_event(pipeline)
    [item] = document(headworks("dead", "show", message_id, "--json"))["items"]
    payload = tmp_path / "payload.json"
    text = json.dumps({"mark": event.mark, "edited": True})
    payload.write_text(json.dumps({**item["message"]["data"], "body": {"$text": text}}))
    refused = tmp_path / "refused.json"
    refused.write_text('{"endpoint": 7}')
    pipeline.behave(event, 200)

    wrong = headworks("dead", "edit", message_id, "--file", refused, "--yes")
    edited = document(headworks("dead", "edit", message_id, "--file", payload, "--yes", "--json"))
    headworks("dead", "replay", message_id)

    assert wrong.returncode == 2
    assert edited["original"]["data"] == item["message"]["data"]
    _, delivered = pipeline.wait_for(event, deliveries=2)
    assert delivered.body == text.encode()


def test_a_dead_letter_is_deleted(pipeline, headworks):
    _, message_id = dead_event(pipeline)

    deleted = document(headworks("dead", "delete", message_id, "--yes", "--json"))

    assert [each["id"] for each in deleted["deleted"]] == [message_id]
    assert headworks("dead", "delete", message_id, "--yes").returncode == 1


def test_equal_errors_are_counted_together(pipeline, headworks):
    for _ in range(2):
        dead_event(pipeline)

    groups = document(headworks("dead", "groups", "--queue", "webhooks", "--error-type", "Reject", "--json"))

    assert max(each["count"] for each in groups["groups"]) >= 2
    assert groups["total"] >= 2


def test_what_waits_is_listed_and_cancelled(pipeline, headworks):
    key = f"later-{uuid4().hex}"
    body = {"data": {"endpoint": "default", "body": ""}, "delayseconds": 20 * 60}
    message_id = pipeline.post("webhooks", body, key=key).json()["messageId"]

    [item] = document(headworks("waiting", "list", "--key", key, "--json"))["items"]
    cancelled = document(headworks("waiting", "cancel", key, "--yes", "--json"))

    assert item["id"] == message_id
    assert [each["was"] for each in cancelled["deleted"]] == ["waiting"]
    assert headworks("waiting", "list", "--key", key).returncode == 1


def test_the_numbers_of_every_consumer_are_shown(pipeline, headworks):
    overview = document(headworks("stats", "--json"))
    shown = headworks("stats", "webhooks")

    names = [(queue["name"], each["consumer"]) for queue in overview["queues"] for each in queue["consumers"]]
    assert ("order-events", "notify_order") in names
    assert "webhooks/deliver_webhook" in shown.stdout


def test_a_consumer_is_paused_and_resumed(pipeline, headworks):
    # One that no other test waits for.
    only = ("order-events", "--consumer", "notify_order")

    paused = headworks("pause", *only, "--because", "a look at it")
    shown = headworks("stats", "order-events")
    resumed = headworks("resume", *only)

    assert "order-events/notify_order is paused, by" in paused.stdout, paused.stderr
    assert ": a look at it" in " ".join(shown.stdout.split())
    assert "order-events/notify_order runs again." in resumed.stdout


def test_no_command_shows_the_token(pipeline, headworks):
    _, message_id = dead_event(pipeline)

    for command in (
        ("stats",),
        ("find", message_id),
        ("dead", "show", message_id, "--json"),
        ("replays", "list"),
    ):
        told = headworks(*command)
        assert pipeline.outputs.admin_token not in told.stdout + told.stderr


def test_a_deployed_pipeline_is_found_by_the_outputs_of_its_stacks(pipeline, headworks, monkeypatch):
    for variable, value in {
        "AWS_ENDPOINT_URL": pipeline.outputs.aws_endpoint_url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(variable, value)
    message_id = pipeline.give_up("webhooks", "deliver_webhook")
    pipeline.dead_letter(message_id)

    shown = headworks("dead", "show", message_id, "--json", "--region", REGION)

    assert document(shown)["items"][0]["reason"] == "crashed"
