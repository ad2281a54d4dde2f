"""`headworks waiting`, `retrying`, `running`, `dead groups`, and taking messages away."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from headworks.queue import KEPT_BACK
from tests.support.admin_documents import AT, Problem


@pytest.mark.parametrize("state", ["waiting", "retrying", "running"])
@pytest.mark.parametrize("columns", [60, 160])
def test_what_is_on_its_way_is_listed(stand, state, columns):
    wanted = stand.have("k", state=state, reason=None, attempt=2)
    stand.have("other")

    told = stand.run(state, "list", columns=columns)

    assert told.exit_code == 0
    assert wanted in told.output
    assert state in told.output
    assert "msg_other" not in told.output
    assert max(map(len, told.output.splitlines())) <= columns


def test_as_many_are_listed_as_were_asked_for_however_few_a_page_has(stand):
    ids = [stand.have(f"k{n}", state="waiting") for n in range(7)]

    first = json.loads(stand.run("waiting", "list", "--limit", "5", "--json").stdout)
    rest = json.loads(stand.run("waiting", "list", "--cursor", first["cursor"], "--json").stdout)

    assert [each["id"] for each in first["items"]] == ids[:5]
    assert [each["id"] for each in rest["items"]] == ids[5:]
    assert rest["cursor"] is None
    assert "--cursor 5" in stand.run("waiting", "list", "--limit", "5").output


@pytest.mark.parametrize(
    "options",
    [
        ("--error", "too slow"),
        ("--error-type", "TimeoutError"),
        ("--type", "order.refused"),
        ("--source", "stripe"),
        ("--tenant", "acme"),
        ("--key", "wanted"),
        ("--ordering-key", "ada"),
        ("--since", "2026-01-01T00:00:02+00:00", "--until", "2026-01-01T00:00:04Z"),
        ("--queue", "orders"),
        ("--consumer", "fulfil_order"),
    ],
)
def test_options_choose_among_them(stand, options):
    stand.have("other", state="retrying")
    stand.have("later", state="retrying", at=AT.format(4)) if "--since" in options else None
    wanted = stand.have(
        "wanted",
        state="retrying",
        at=AT.format(3),
        queue="orders",
        consumer="fulfil_order",
        errorType="TimeoutError",
        error="too slow",
        type="order.refused",
        source="stripe",
        tenant="acme",
        orderingKey="ada",
    )

    document = json.loads(stand.run("retrying", "list", *options, "--json").stdout)

    assert [each["id"] for each in document["items"]] == [wanted]


@pytest.mark.parametrize("columns", [60, 160])
def test_dead_letters_are_counted_by_their_errors(stand, columns):
    for n in range(3):
        stand.have(f"a{n}", error="no such customer ...")
    stand.have("b", error="too slow", errorType="TimeoutError", reason="exhausted")

    told = stand.run("dead", "groups", columns=columns)

    lines = told.output.splitlines()
    assert lines[0] == "3  rejected: ValueError: no such customer ..."
    assert "1  exhausted: TimeoutError: too slow" in lines
    assert lines[-1] == "4 dead letters"
    assert any("like msg_a2" in line for line in lines)
    assert max(map(len, lines)) <= columns


def test_groups_as_json_are_the_apis_document(stand):
    stand.have("a", tenant="acme")
    stand.have("b")

    document = json.loads(stand.run("dead", "groups", "--tenant", "acme", "--json").stdout)

    assert (document["total"], document["groups"][0]["example"]["id"]) == (1, "msg_a")


@pytest.mark.parametrize(
    "command", [("waiting", "list"), ("retrying", "list"), ("running", "list"), ("dead", "groups")]
)
def test_nothing_found_is_exit_code_1(stand, command):
    told = stand.run(*command)

    assert told.exit_code == 1
    assert told.stdout == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ("waiting", "list", "--queue", "unheard-of"),
        ("waiting", "list", "--cursor", "nonsense"),
        ("waiting", "list", "--limit", "0"),
        ("running", "list", "--since", "yesterday"),
        ("dead", "groups", "--queue", "unheard-of"),
        ("dead", "groups", "--reason", "bored"),
        ("dead", "groups", "--class", "mine"),
        ("waiting", "cancel"),
    ],
)
def test_what_cannot_be_answered_is_exit_code_2(stand, arguments):
    assert stand.run(*arguments).exit_code == 2


def test_dead_letters_are_deleted_once_somebody_agrees(stand):
    stand.have("a")
    stand.have("b")
    stand.have("c")

    refused = stand.run("dead", "delete", "a", "b", input="n\n")
    agreed = stand.run("dead", "delete", "a", "msg_b", input="y\n")

    assert (refused.exit_code, agreed.exit_code) == (1, 0)
    assert "Delete 2 dead letters for good?" in agreed.stderr
    assert "msg_a deleted: it was dead with webhooks/deliver_webhook" in agreed.stdout
    assert [each["key"] for each in stand.api.items] == ["c"]


def test_what_waits_is_cancelled_and_what_does_not_stays(stand):
    stand.have("a", state="waiting")
    stand.have("b")

    told = stand.run("waiting", "cancel", "a", "b", "unheard-of", "--yes", "--json")

    assert told.exit_code == 3
    assert [each["was"] for each in json.loads(told.stdout)["deleted"]] == ["waiting"]
    assert "b: isn't waiting, but dead with webhooks/deliver_webhook" in told.stderr
    assert "unheard-of: nothing is known of it" in told.stderr


def test_a_message_is_deleted_with_the_consumer_that_is_meant(stand):
    for consumer in ("update_inventory", "notify_order"):
        stand.have("a", queue="order-events", consumer=consumer)

    stand.run("dead", "delete", "a", "--consumer", "notify_order", "--yes")

    assert [each["consumer"] for each in stand.api.items] == ["update_inventory"]


def test_what_went_meanwhile_is_told(stand):
    stand.have("a")
    stand.have("b")
    stand.api.plan("DELETE", Problem(409, "It is replaying."))

    told = stand.run("dead", "delete", "a", "b", "--yes")

    assert told.exit_code == 3
    assert told.stderr == "msg_a: It is replaying.\n"
    assert told.stdout == "msg_b deleted: it was dead with webhooks/deliver_webhook\n"


@pytest.mark.parametrize("columns", [60, 160])
def test_what_a_paused_source_sent_is_kept_back_instead_of_due_in_a_hundred_years(stand, columns):
    due = datetime.now(UTC) + KEPT_BACK
    message_id = stand.have("k", state="waiting", reason=None, at=due.isoformat())

    for command in (("waiting", "list"), ("dead", "show", message_id)):
        output = stand.run(*command, columns=columns).output

        assert "kept back" in output
        assert str(due.year) not in output
