"""Pausing and resuming, processing on demand, purging."""

from __future__ import annotations

from datetime import timedelta

import pytest

from administer.controls import Controls
from headworks.ledger.catalogue import Address
from headworks.telemetry import Action
from headworks.topology import Topology
from tests.functional.administer.fakes import FakeOnDemand, FakePauses, FakePurging
from tests.support.declarations import SECOND, a_queue

ORDERS = Address("orders", "fulfil_order")
FACTS = [Address("facts", "tell_customer"), Address("facts", "count_stock")]


def post(stand, path, document=None, **headers):
    return stand.ask("POST", path, document, **headers)


def test_a_queue_is_paused_with_all_its_consumers_and_by_whom_and_why_is_on_record(stand):
    answer = post(stand, "/queues/facts/pause", {"reason": "a bad deploy"}, headworks_operator="ada@desk")

    pause = {"since": "2026-01-01T00:00:00Z", "by": "ada@desk", "reason": "a bad deploy"}
    assert answer.body == {
        "changed": [
            {"queue": "facts", "consumer": name, "source": None, "paused": pause, "changed": True}
            for name in ("tell_customer", "count_stock")
        ],
        "warnings": ["What arrives on facts stays there, and SQS deletes it 12 days after it was sent."],
    }


def test_who_had_what_done_is_in_the_log_and_who_only_looked_isnt(stand):
    stand.get("/queues")
    post(stand, "/queues/orders/purge", {"confirm": "orders"}, headworks_operator="ada@desk")
    post(stand, "/queues/orders/resume")

    asked = [fields for action, fields in stand.log.lines if action is Action.ASKED]
    assert [(each["operation"], each["operator"], each["path"], each["status"]) for each in asked] == [
        ("purgeQueue", "ada@desk", "/admin/queues/orders/purge", 200),
        ("resumeQueue", "admin api", "/admin/queues/orders/resume", 200),
    ]


def test_one_consumer_is_paused_and_resumed_alone(stand):
    post(stand, "/queues/facts/pause", {"consumer": "count_stock"})
    assert list(stand.pauses.paused) == [FACTS[1]]

    [changed] = post(stand, "/queues/facts/resume", {"consumer": "count_stock"}).body["changed"]

    assert (changed["consumer"], changed["paused"], changed["changed"]) == ("count_stock", None, True)
    assert stand.pauses.paused == {}


def test_what_is_paused_or_resumed_already_is_said_to_be(stand):
    post(stand, "/queues/orders/pause")

    again = post(stand, "/queues/orders/pause", {})
    post(stand, "/queues/orders/resume")
    resumed = post(stand, "/queues/orders/resume")

    assert [answer.body["changed"][0]["changed"] for answer in (again, resumed)] == [False, False]
    assert again.body["changed"][0]["paused"]["by"] == "admin api"


def test_a_source_is_paused_and_resumed(stand):
    paused = post(stand, "/sources/stripe/pause", {"reason": "too much"}).body
    resumed = post(stand, "/sources/stripe/resume").body

    [changed] = paused["changed"]
    assert (changed["source"], changed["queue"], changed["paused"]["reason"]) == ("stripe", None, "too much")
    assert resumed["changed"][0]["paused"] is None
    assert post(stand, "/sources/unheard-of/pause").status == 404


def test_a_pause_that_cant_be_made_now_is_503(stand):
    stand.pauses.down = True

    assert post(stand, "/queues/orders/pause").status == 503


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("pause", {"reason": ""}),
        ("pause", {"reason": "x" * 501}),
        ("pause", {"why": "x"}),
        ("pause", {"consumer": "nobody"}),
        ("resume", {"reason": "x"}),
        ("process", {"batchSize": 0}),
        ("process", {"batchSize": 11}),
        ("process", {"batchSize": "many"}),
        ("purge", {}),
        ("purge", None),
        ("purge", {"confirm": "facts"}),
        ("purge", {"confirm": "orders", "before": "2026-01-01T00:00:00"}),
        ("purge", {"confirm": "orders", "before": "2026-01-01T00:00:01Z"}),
        ("purge", {"confirm": "orders", "before": 5}),
    ],
)
def test_what_cant_be_done_is_400_and_isnt_done(stand, path, document):
    answer = post(stand, f"/queues/orders/{path}", document)

    assert answer.status == 400
    assert answer.body["detail"]
    assert (stand.pauses.paused, stand.on_demand.asked, stand.purging.asked) == ({}, [], [])


def test_some_messages_are_processed_within_the_time_that_an_answer_may_take(stand):
    answer = post(stand, "/queues/orders/process", {"batchSize": 3})

    assert stand.on_demand.asked == [(ORDERS, 3, timedelta(seconds=25))]
    assert answer.body == {
        "received": 3,
        "done": 1,
        "failed": 1,
        "unfinished": True,
        "messages": [
            {"id": "m-1", "outcome": "done"},
            {"id": "m-2", "outcome": "failed"},
            {"id": "m-3", "outcome": "unknown"},
        ],
    }


def test_ten_are_processed_unless_it_is_said_and_of_several_consumers_whose_are_must_be(stand):
    post(stand, "/queues/orders/process")
    assert stand.on_demand.asked[0][1] == 10

    assert post(stand, "/queues/facts/process").status == 400
    assert post(stand, "/queues/facts/process", {"consumer": "count_stock"}).status == 200


def test_a_queue_is_purged_of_what_was_sent_before_a_time(stand):
    before = stand.clock.now()
    stand.clock.advance(SECOND)

    answer = post(stand, "/queues/facts/purge", {"confirm": "facts", "before": "2026-01-01T01:00:00+01:00"})

    assert stand.purging.asked == [(FACTS, before, timedelta(seconds=20))]
    assert answer.body == {
        "purged": 3,
        "kept": 0,
        "inFlight": 1,
        "more": True,
        "before": "2026-01-01T00:00:00Z",
    }


def test_whoever_pauses_a_queue_on_redis_is_told_how_long_what_arrives_stays_there(clock):
    declared = a_queue(name="visits", transport="redis")
    controls = Controls(
        topology=Topology(queues=(declared,)),
        pauses=FakePauses(clock),
        on_demand=FakeOnDemand(),
        purging=FakePurging(clock),
        clock=clock,
    )

    [warning] = controls.pause("visits").warnings

    days = declared.retention.days
    assert warning == (
        f"What arrives on visits stays there: on Redis while there is room, on SQS for {days} days after it was sent."
    )
