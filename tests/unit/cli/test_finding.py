"""`headworks find`: the story of an event, and what a shell learns."""

from __future__ import annotations

import json

import pytest

from tests.support.admin_documents import AT

RECEIVED = {
    "queue": "webhooks",
    "id": "msg_k",
    "key": "k",
    "acceptedAt": AT.format(1),
    "source": "stripe",
    "type": "charge.succeeded",
    "repeatsUntil": "2026-01-08T00:00:01+00:00",
    "window": 0,
}
FAILURE = {
    "attempt": 1,
    "at": AT.format(2),
    "errorType": "Retry",
    "error": "it answered 503",
    "stack": "Traceback",
    "durationMs": 12,
    "version": "7",
    "requestId": "r-1",
}


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"state": "completed", "at": None, "reason": None, "attempt": 1}, "completed"),
        ({"state": "queued", "at": None, "reason": None, "attempt": 0}, "queued"),
        ({"state": "retrying", "reason": None, "history": [FAILURE]}, "attempt 1, "),
        ({"state": "waiting", "reason": None}, "due"),
        ({"state": "dead", "history": [FAILURE]}, "dead: rejected"),
        (
            {
                "state": "replaying",
                "replayed": [
                    {"replay": "rpl_1", "at": AT.format(4), "by": "ada@x", "reason": "fixed", "again": False}
                ],
            },
            "by ada@x: fixed (rpl_1)",
        ),
    ],
)
@pytest.mark.parametrize("columns", [60, 160])
def test_the_story_of_an_event_is_told(stand, members, told, columns):
    stand.api.received.append(RECEIVED)
    stand.have("k", **members)

    found = stand.run("find", "k", columns=columns)

    assert found.exit_code == 0
    assert told in found.output
    for text in ("received", "charge.succeeded", "webhooks/deliver_webhook", members["state"]):
        assert text in found.output
    assert max(map(len, found.output.splitlines())) <= columns


def test_a_key_that_was_used_before_is_said(stand):
    stand.api.received.append({**RECEIVED, "window": 2})

    assert "3: the key was used before" in stand.run("find", "k").output


def test_the_json_is_the_apis_document(stand):
    stand.api.received.append(RECEIVED)
    stand.have("k", state="retrying", memberThatIsNew=7)

    document = json.loads(stand.run("find", "k", "--json").stdout)

    assert document == {"name": "k", "received": [RECEIVED], "items": stand.api.items, "trouble": []}


def test_of_what_redis_accepted_no_more_is_claimed_than_is_known(stand):
    stand.have("k", state="accepted", at=None, reason=None, attempt=0)

    found = stand.run("find", "k")

    assert "queued, being processed, or done" in found.output
    assert "attempts" not in found.output


def test_what_could_not_be_asked_is_said_beside_what_is_known(stand):
    stand.api.received.append(RECEIVED)
    stand.api.trouble.append("What is on Redis isn't known: Redis: down.")

    found = stand.run("find", "k")

    assert found.exit_code == 3
    assert "charge.succeeded" in found.output
    assert "What is on Redis isn't known" in found.stderr


@pytest.mark.parametrize("name", ["a/b c?", "stripe:evt_1/default", "€", ".."])
def test_names_reach_the_api_as_they_are(stand, name):
    stand.have(name)

    assert stand.run("find", name).exit_code == 0


def test_nothing_found_is_exit_code_1(stand):
    found = stand.run("find", "unheard-of\x1b[2J", "--json")

    assert found.exit_code == 1
    assert json.loads(found.stdout)["items"] == []
    assert "Nothing is known of unheard-of\\x1b[2J." in found.stderr
