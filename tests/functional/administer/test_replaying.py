"""Putting dead letters back."""

from __future__ import annotations

import pytest

from headworks.ledger.catalogue import Filter
from headworks.outcome import Fault, Reason
from headworks.testing.clock import NEW_YEAR

ID = f"rpl_{'a' * 32}"


def replay(stand, document, *, queue="orders", **headers):
    return stand.ask("POST", f"/queues/{queue}/replays", document, **headers)


def test_a_replay_that_ends_within_the_request_is_200_and_tells_what_was_asked_for(stand):
    asked = {
        "filter": {
            "reasons": ["crashed"],
            "class": "endpoint",
            "errorType": "Retry",
            "since": "2026-01-01T00:00:00Z",
        },
        "consumer": "fulfil_order",
        "id": ID,
        "first": 5,
        "rate": 0.5,
        "again": True,
        "anyNumber": True,
        "stopAfter": 3,
        "reason": "fixed in 1.2",
    }

    answer = replay(stand, asked, headworks_operator="ada@desk")

    request = stand.replays.replays[ID].request
    assert request.selection.only == Filter(
        reasons=frozenset({Reason.CRASHED}), fault=Fault.ENDPOINT, error_type="Retry", since=NEW_YEAR
    )
    nothing = dict.fromkeys(("error", "type", "source", "tenant", "key", "orderingKey", "until"))
    assert (answer.status, answer.body) == (
        200,
        {
            **{name: value for name, value in asked.items() if name != "filter"},
            "queue": "orders",
            "state": "finished",
            "stoppedBecause": None,
            "selection": {"ids": None, "filter": {**asked["filter"], **nothing}, "all": False},
            "by": "ada@desk",
            "askedAt": "2026-01-01T00:00:00Z",
            "endedAt": "2026-01-01T00:00:00Z",
            "selected": None,
            "sent": 1,
            "skipped": {"completed": 2, "busy": 0, "tooOften": 0, "gone": 0, "notKept": 0},
            "failedAgain": 0,
            "orderingKeys": None,
            "notes": [],
        },
    )


def test_a_replay_that_goes_on_is_202_and_is_found_listed_and_stopped(stand):
    stand.replays.messages = 100

    answer = replay(stand, {"all": True})
    id_ = answer.body["id"]

    assert (answer.status, answer.body["state"], answer.body["selection"]["all"]) == (202, "running", True)
    assert stand.get(f"/replays/{id_}").body["sent"] == 1
    assert [each["id"] for each in stand.get("/replays").body["replays"]] == [id_]
    stopped = stand.ask("DELETE", f"/replays/{id_}", headworks_operator="ada@desk")
    assert (stopped.status, stopped.body["stoppedBecause"]) == (200, "stopped by ada@desk")
    assert stand.get("/replays").body == {"replays": []}


def test_the_same_request_with_the_same_id_carries_it_on_and_another_one_is_409(stand):
    stand.replays.messages = 2

    first = replay(stand, {"ids": ["a", "b", "a"], "id": ID})
    second = replay(stand, {"ids": ["a", "b"], "id": ID})
    third = replay(stand, {"ids": ["a", "b"], "id": ID})
    other = replay(stand, {"ids": ["c"], "id": ID})

    assert [(each.status, each.body["sent"]) for each in (first, second, third)] == [
        (202, 1),
        (200, 2),
        (200, 2),
    ]
    assert other.status == 409
    assert stand.replays.replays[ID].request.selection.names == ("a", "b")


def test_a_dry_run_counts_and_starts_nothing(stand):
    answer = replay(stand, {"all": True, "dryRun": True})

    assert (answer.status, answer.body["state"], answer.body["selected"]) == (200, "dry run", 1)
    assert answer.body["notes"] == ["What was processed after a dead letter stays processed."]
    assert stand.replays.replays == {}


@pytest.mark.parametrize(
    ("document", "detail"),
    [
        ({}, "give exactly one of ids, filter and all, not none"),
        ({"all": True, "ids": ["a"]}, "give exactly one of ids, filter and all, not ids and all"),
        ({"all": False}, "all in the body"),
        ({"ids": []}, "ids in the body"),
        ({"ids": ["a"] * 1001}, "ids in the body"),
        ({"ids": [""]}, "ids.0 in the body"),
        ({"filter": {"reason": "crashed"}}, "filter.reason in the body"),
        ({"filter": {"reasons": ["dull"]}}, "filter.reasons.0 in the body: 'dull'"),
        ({"all": True, "id": "mine"}, "id in the body: 'mine'"),
        ({"all": True, "first": 0}, "first in the body: 0"),
        ({"all": True, "rate": 0}, "rate in the body: 0"),
        ({"all": True, "rate": 10**30}, "rate in the body"),
        ({"all": True, "stopAfter": 0}, "stopAfter in the body: 0"),
        ({"all": True, "consumer": "nobody"}, "'nobody'"),
        ({"all": True, "dry_run": True}, "dry_run in the body"),
    ],
)
def test_what_cant_be_replayed_is_400_and_isnt(stand, document, detail):
    answer = replay(stand, document)

    assert answer.status == 400
    assert detail in answer.body["detail"]
    assert stand.replays.replays == {}


def test_an_unknown_queue_or_replay_is_404(stand):
    assert replay(stand, {"all": True}, queue="unheard-of").status == 404
    assert stand.get(f"/replays/{ID}").status == 404
    assert stand.ask("DELETE", f"/replays/{ID}").status == 404
