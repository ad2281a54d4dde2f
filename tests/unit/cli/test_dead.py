"""`headworks dead list` and `show`: what they find, how it looks, what they answer to a shell."""

from __future__ import annotations

import json

import pytest

from tests.support.admin_documents import A_MESSAGE, AN_ITEM, AT

STACK = 'Traceback (most recent call last):\n  File "delivery.py", line 7, in deliver\n    raise ValueError\n'
FAILURE = {
    "attempt": 1,
    "at": AT.format(0),
    "errorType": "ValueError",
    "error": "no such [bold]customer[/bold]",
    "stack": STACK,
    "durationMs": 12,
    "version": "7",
    "requestId": "r-1",
}


def test_dead_letters_are_listed_in_the_apis_order_with_their_errors(stand):
    ids = [stand.have(f"k{n}") for n in range(3)]
    stand.have("retried", state="retrying")

    listed = stand.run("dead", "list")

    lines = listed.output.splitlines()
    assert listed.exit_code == 0
    assert [line.split()[0] for line in lines[1:]] == ids
    assert "rejected" in lines[1]
    assert "ValueError: no such" in lines[1]


def test_one_that_is_being_put_back_shows_among_the_dead(stand):
    stand.have("k")
    page = {"items": [{**_listed(stand), "state": "replaying"}], "cursor": None}
    stand.api.plan("GET", (200, "application/json", json.dumps(page).encode()))

    assert "replaying" in stand.run("dead", "list").output


def _listed(stand):
    return {name: stand.api.items[0][name] for name in AN_ITEM}


@pytest.mark.parametrize("columns", [20, 60, 119, 120, 200])
def test_ids_are_whole_on_every_terminal_and_lines_fit_where_they_can(stand, columns):
    message_id = stand.have("019a8e4f2b7c7b3e8f3a2d1c5b6e7f80", error="x" * 400)

    lines = stand.run("dead", "list", columns=columns).output.splitlines()

    if columns >= 60:
        assert message_id in "".join(lines)
        assert max(map(len, lines)) <= columns


def test_a_list_goes_on_where_the_last_page_ended(stand):
    ids = [stand.have(f"k{n}") for n in range(3)]

    first = json.loads(stand.run("dead", "list", "--limit", "2", "--json").output)
    second = json.loads(
        stand.run("dead", "list", "--limit", "2", "--cursor", first["cursor"], "--json").output
    )

    assert [each["id"] for each in first["items"]] == ids[:2]
    assert [each["id"] for each in second["items"]] == ids[2:]
    assert second["cursor"] is None
    assert f"--cursor {first['cursor']}" in stand.run("dead", "list", "--limit", "2").output


@pytest.mark.parametrize(
    "options",
    [
        ("--reason", "exhausted", "--reason", "crashed"),
        ("--class", "pipeline"),
        ("--error-type", "TimeoutError"),
    ],
)
def test_options_choose_among_the_dead(stand, options):
    stand.have("other")
    members = {"reason": "exhausted", "class": "pipeline", "errorType": "TimeoutError"}
    wanted = stand.have("wanted", **members)

    document = json.loads(stand.run("dead", "list", *options, "--json").output)

    assert [each["id"] for each in document["items"]] == [wanted]


def test_the_json_of_a_list_is_the_apis_document(stand):
    stand.have("k", tenant="acme", orderingKey="ada")

    document = json.loads(stand.run("dead", "list", "--json").stdout)

    assert (document["items"], document["cursor"]) == ([_listed(stand)], None)


@pytest.mark.parametrize("by", ["key", "id"])
def test_a_dead_letter_is_shown_whole_by_its_key_and_by_its_id(stand, by):
    message_id = stand.have("k", history=[FAILURE])

    shown = stand.run("dead", "show", message_id if by == "id" else "k")

    assert shown.exit_code == 0
    for told in (
        message_id,
        "dead: rejected",
        "webhooks/deliver_webhook",
        "Attempt 1",
        "r-1",
        '"amount": 2500',
    ):
        assert told in shown.output
    for line in STACK.splitlines():
        assert line in shown.output


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ({"missing": "the bucket has no such body"}, "the bucket has no such body"),
        ({"text": "not even JSON"}, "not even JSON"),
        ({**A_MESSAGE, "dataBase64": "/wBhYmM="}, "\\\\xff"),
        ({**A_MESSAGE, "data": {"not": "the queue's type"}}, '"not": "the queue\'s type"'),
        ({**A_MESSAGE, "data": "x" * 9000}, "1,002 more characters; --json has all"),
    ],
)
def test_a_payload_is_shown_whatever_it_is(stand, message, told):
    stand.have("k", message=message)

    assert told in stand.run("dead", "show", "k").output


def test_a_stack_that_was_cut_begins_with_a_whole_line(stand):
    stack = "half a line\n  whole line\n".ljust(1500, "z")
    stand.have("k", history=[{**FAILURE, "stack": stack}])

    shown = stand.run("dead", "show", "k").output

    assert "half a line" not in shown
    assert "...\n    whole line" in shown


def test_the_json_of_a_message_is_the_apis_document(stand):
    stand.have("k", history=[FAILURE])

    document = json.loads(stand.run("dead", "show", "k", "--json").stdout)

    assert document["items"] == stand.api.items


@pytest.mark.parametrize("columns", [60, 160])
@pytest.mark.parametrize(
    "command", [("dead", "list"), ("dead", "show", "k"), ("dead", "groups"), ("find", "k")]
)
def test_a_message_is_shown_and_never_obeyed(stand, command, columns):
    hostile = "[red]x[/red] \x1b[2J\x9b1m\u202e\u2066 [link=http://x]y[/link] \x07"
    failure = {**FAILURE, "error": hostile, "stack": hostile, "errorType": "E\x1b]0;t"}
    stand.have(
        "k",
        errorType="E\x1b]0;t",
        error=hostile,
        type=hostile,
        source=hostile,
        tenant=hostile,
        orderingKey=hostile,
        history=[failure],
        message={**A_MESSAGE, "data": {"h": hostile}},
        replayed=[{"replay": hostile, "at": AT.format(1), "by": hostile, "reason": hostile, "again": True}],
        edited={"at": AT.format(1), "by": hostile},
    )

    told = stand.run(*command, columns=columns).output

    assert "[red]x[/red] \\x1b[2J" in " ".join(told.split())
    assert not {"\x1b", "\x9b", "\u202e", "\u2066", "\x07"} & set(told)


def test_json_steers_no_terminal(stand):
    stand.have("k", error="\x9b1m\u202e€")

    assert stand.run("dead", "list", "--json").stdout.isascii()


@pytest.mark.parametrize(
    "arguments", [("list",), ("list", "--json"), ("show", "unheard-of"), ("show", "x", "--json")]
)
def test_nothing_found_is_exit_code_1(stand, arguments):
    assert stand.run("dead", *arguments).exit_code == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("list", "--queue", "unheard-of"),
        ("list", "--reason", "bored"),
        ("list", "--since", "yesterday"),
        ("list", "--since", "999999d"),
        ("list", "--cursor", "nonsense"),
        ("list", "--limit", "0"),
        ("show",),
    ],
)
def test_what_cannot_be_answered_is_exit_code_2(stand, arguments):
    assert stand.run("dead", *arguments).exit_code == 2


def test_a_message_that_is_not_dead_is_shown_where_it_stands(stand):
    stand.have("k", state="retrying", reason=None)

    shown = stand.run("dead", "show", "msg_k")

    assert "retrying" in shown.output
    assert "due" in shown.output
