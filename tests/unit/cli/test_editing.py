"""`headworks dead edit`."""

from __future__ import annotations

import base64
import json
import sys

import pytest

from infra.cli.opened import closed, opened

PAYLOAD = {"endpoint": "default", "body": "", "headers": {}}


def changed(stand, document):
    """A file with the new payload."""
    path = stand.directory / "new.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


def replace_in_editor(stand, monkeypatch, old, new):
    """An editor that replaces a text by another."""
    script = stand.directory / "editor.py"
    script.write_text(
        "import pathlib, sys\n"
        "path = pathlib.Path(sys.argv[1])\n"
        f"path.write_text(path.read_text().replace({old!r}, {new!r}))\n"
    )
    monkeypatch.setenv("VISUAL", f"{sys.executable} {script}")


def test_a_payload_is_changed_after_its_difference_was_seen(stand):
    before = stand.api.items[-1]["message"]["data"] if stand.have("k") else None

    told = stand.run("dead", "edit", "k", "--file", changed(stand, PAYLOAD), input="y\n")

    assert told.exit_code == 0
    assert '-    "$json": {' in told.stderr
    assert '-      "amount": 2500' in told.stderr
    assert '+    "$text": ""' in told.stderr
    assert "Change the payload of msg_k with webhooks/deliver_webhook?" in told.stderr
    [item] = stand.api.items
    assert item["message"]["data"] == PAYLOAD
    assert item["original"]["data"] == before
    assert "Message as it was before" in told.stdout


def test_nothing_is_changed_unless_somebody_agrees(stand):
    stand.have("k")

    told = stand.run("dead", "edit", "k", "--file", changed(stand, PAYLOAD), input="n\n")

    assert told.exit_code == 1
    assert stand.api.asked("PUT") == []


def test_a_payload_comes_from_stdin(stand):
    stand.have("k")

    told = stand.run("dead", "edit", "k", "--file", "-", "--yes", "--json", input=json.dumps(PAYLOAD))

    assert json.loads(told.stdout)["message"]["data"] == PAYLOAD


def test_the_editor_of_the_user_is_opened_on_the_payload(stand, monkeypatch):
    stand.have("k")
    replace_in_editor(stand, monkeypatch, "default", "other")

    told = stand.run("dead", "edit", "k", "--yes")

    assert told.exit_code == 0
    assert stand.api.items[0]["message"]["data"]["endpoint"] == "other"


def test_bytes_that_hold_json_are_edited_as_json(stand, monkeypatch):
    stand.have("k")
    replace_in_editor(stand, monkeypatch, "2500", "1300")

    stand.run("dead", "edit", "k", "--yes")

    body = base64.b64decode(stand.api.items[0]["message"]["data"]["body"])
    assert body == b'{"amount":1300}'


def test_bytes_that_nobody_touches_stay_as_they_are(stand, monkeypatch):
    stand.have("k")
    before = stand.api.items[0]["message"]["data"]["body"]
    replace_in_editor(stand, monkeypatch, '"default"', '"other"')

    stand.run("dead", "edit", "k", "--yes")

    data = stand.api.items[0]["message"]["data"]
    assert (data["endpoint"], data["body"]) == ("other", before)


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"plain \xe2\x82\xac", {"$text": "plain €"}),
        (b"\xff", "/w=="),
        (b"", {"$text": ""}),
        (b"[1]", {"$json": [1]}),
    ],
)
def test_what_is_opened_is_closed_again(body, shown):
    data = {**PAYLOAD, "body": base64.b64encode(body).decode()}

    before = opened(data, "webhooks")

    assert before["body"] == shown
    assert closed({**before, "endpoint": "x"}, before, data) == {**data, "endpoint": "x"}
    again = closed({**before, "body": {"$text": "new"}, "more": [{"$json": 1}]}, before, data)
    assert (base64.b64decode(again["body"]), again["more"]) == (b"new", ["MQ=="])


@pytest.mark.parametrize("data", [{"not": "its type"}, [1], None, "x"])
def test_what_is_not_of_the_queues_type_is_edited_as_it_is(data):
    assert opened(data, "webhooks") == data
    assert opened(data, "unheard-of") == data


@pytest.mark.parametrize("editor", ["false", "/no/such/editor"])
def test_an_editor_that_fails_changes_nothing(stand, monkeypatch, editor):
    stand.have("k")
    monkeypatch.setenv("VISUAL", editor)

    told = stand.run("dead", "edit", "k", "--yes")

    assert told.exit_code == 1
    assert f"the editor `{editor}` failed, nothing was changed" in told.stderr
    assert stand.api.asked("PUT") == []


def test_what_stays_the_same_is_not_sent(stand):
    stand.have("k")
    same = json.dumps(stand.api.items[0]["message"]["data"])

    told = stand.run("dead", "edit", "k", "--file", changed(stand, same))

    assert told.exit_code == 1
    assert "Nothing was changed." in told.stderr


def test_bytes_stay_bytes(stand):
    message = {"dataBase64": base64.b64encode(b"\xff\x00").decode()}
    stand.have("k", message=message)
    file = stand.directory / "new.bin"
    file.write_bytes(b"\xfe\x00")

    told = stand.run("dead", "edit", "k", "--file", file, "--yes")

    assert "-\\xff\\x00" in told.stderr
    [request] = stand.api.asked("PUT")
    assert base64.b64decode(request.body["dataBase64"]) == b"\xfe\x00"


def test_a_body_that_nobody_could_read_can_be_replaced(stand):
    stand.have("k", reason="undecodable", message={"text": '{"endpoint": '})

    told = stand.run("dead", "edit", "k", "--file", changed(stand, PAYLOAD), "--yes")

    assert told.exit_code == 0
    assert '-{"endpoint": ' in told.stderr


def test_a_payload_that_the_queue_does_not_take_is_exit_code_2(stand):
    stand.have("k")

    told = stand.run("dead", "edit", "k", "--file", changed(stand, {"refused": 1}), "--yes")

    assert told.exit_code == 2
    assert "unknown field `refused`" in told.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("unheard-of",), 1, "Nothing is known of unheard-of."),
        (("on-its-way",), 1, "isn't dead, but retrying with webhooks/deliver_webhook"),
        (("several",), 2, "order-events/update_inventory, order-events/notify_order"),
        (("k", "--file", "missing.json"), 2, "can't be read"),
        (("k", "--file", __file__), 2, "isn't JSON"),
    ],
)
def test_what_cannot_be_edited_is_told(stand, arguments, code, said):
    stand.have("k")
    stand.have("on-its-way", state="retrying")
    for consumer in ("update_inventory", "notify_order"):
        stand.have("several", queue="order-events", consumer=consumer)

    told = stand.run("dead", "edit", *arguments, columns=200)

    assert told.exit_code == code
    assert said in " ".join(told.stderr.split())
    assert stand.api.asked("PUT") == []
