"""How everything stands."""

from __future__ import annotations


def test_every_queue_and_every_source_is_told_with_the_numbers_of_its_consumers(stand):
    overview = stand.get("/queues").body

    assert overview["at"] == "2026-01-01T00:00:00Z"
    assert [(queue["name"], queue["fifo"], len(queue["consumers"])) for queue in overview["queues"]] == [
        ("orders", False, 1),
        ("facts", True, 2),
    ]
    assert overview["sources"] == [{"name": "stripe", "paused": None, "held": 3}]
    assert overview["queues"][0]["consumers"] == [
        {
            "consumer": "fulfil_order",
            "pending": 5,
            "processing": None,
            "retrying": None,
            "delayed": None,
            "due": None,
            "parked": None,
            "waiting": None,
            "dead": 2,
            "unburied": None,
            "oldestAgeSeconds": 90.0,
            "rates": {"done": 1.5, "retried": 0.0, "dead": 0.2},
            "countsAreExact": True,
            "paused": None,
            "warnings": [],
            "trouble": [],
        }
    ]


def test_one_queue_that_cant_be_asked_doesnt_spoil_the_others(stand):
    stand.statistics.down = {"tell_customer"}

    orders, facts = stand.get("/queues").body["queues"]

    assert orders["consumers"][0]["trouble"] == []
    assert facts["consumers"][0]["trouble"] == ["SQS doesn't answer."]
    assert facts["consumers"][0]["pending"] is None
    assert facts["consumers"][1]["pending"] == 5


def test_one_queue_is_told_alone(stand):
    assert stand.get("/queues/facts").body["name"] == "facts"
    assert stand.get("/queues/unheard-of").status == 404
