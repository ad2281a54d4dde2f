"""Messages for later: where they wait, and how they are taken back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headworks.consumer import Consumer
from headworks.ledger.ledger import State
from headworks.telemetry import Action
from headworks.testing.events import FakeContext, sqs_event, sqs_record
from headworks.waking import Waker
from headworks.wiring import ConsumerParts
from tests.support.declarations import a_queue

ORDER = {"data": {"n": 1}}
MINUTE = timedelta(minutes=1)


def test_a_delay_that_sqs_keeps_is_left_to_it(stand):
    assert stand.post({**ORDER, "delayseconds": 900}).status == 202

    assert stand.orders.delays == [15 * MINUTE]
    assert stand.waiting() == []


@pytest.mark.parametrize("days", [1, 365])
def test_a_longer_delay_waits_in_the_ledger(stand, days):
    answer = stand.post({**ORDER, "delayseconds": days * 86_400}, idempotency_key="k")

    assert answer.status == 202
    assert stand.waiting() == [("k", stand.clock.now() + timedelta(days=days))]
    assert stand.sent == 0


@pytest.mark.parametrize("when", [{"delayseconds": 1}, {"deliverat": "2026-01-01T00:00:01Z"}])
def test_an_ordered_message_waits_in_the_ledger_however_short_its_delay(stand, when):
    stand.post({**ORDER, "partitionkey": "p", "idempotencykey": "k", **when}, queue="ordered")

    assert stand.waiting("ordered") == [("k", stand.clock.now() + timedelta(seconds=1))]


def test_a_time_says_when_and_one_that_is_over_means_now(stand):
    stand.post({**ORDER, "idempotencykey": "k", "deliverat": "2026-03-01T12:00:00+01:00"})
    stand.post({**ORDER, "deliverat": "2025-12-31T23:59:59Z"})

    [(key, due)] = stand.waiting()
    assert (key, due.isoformat()) == ("k", "2026-03-01T11:00:00+00:00")
    assert stand.orders.delays == [timedelta(0)]


def test_messages_of_one_array_wait_each_in_its_own_way(stand):
    answer = stand.post([ORDER, {**ORDER, "delayseconds": 60}, {**ORDER, "delayseconds": 3600}])

    assert answer.status == 202
    assert sorted(stand.orders.delays) == [timedelta(0), MINUTE]
    assert len(stand.waiting()) == 1


def test_a_queues_expiry_counts_from_the_end_of_the_delay(stand):
    stand.post({**ORDER, "delayseconds": 7200, "idempotencykey": "k"}, queue="hasty")

    assert "2026-01-01T03:00:00Z" in stand.ledgers["hasty"].letters["k"][0].body


@pytest.mark.parametrize("key", ["k", "my/odd key", "stripe:evt_1/default", "€"])
def test_what_waits_is_taken_back_by_its_key(stand, key):
    stand.post({**ORDER, "delayseconds": 3600, "idempotencykey": key})

    assert stand.delete(key) == (204, None)
    assert stand.waiting() == []


def test_a_message_without_a_key_is_taken_back_by_its_id(stand):
    message_id = stand.post({**ORDER, "delayseconds": 3600}).body["messageId"]

    assert stand.delete(message_id) == (204, None)


def test_a_cancelled_message_never_runs_and_its_key_is_free_again(stand):
    ran = []
    stand.post({**ORDER, "delayseconds": 3600}, idempotency_key="k")
    stand.delete("k")
    stand.clock.advance(timedelta(hours=2))
    wake_and_run(stand, ran)
    assert ran == []

    again = stand.post({"data": {"n": 2}, "delayseconds": 3600}, idempotency_key="k")
    stand.clock.advance(timedelta(hours=2))
    wake_and_run(stand, ran)

    assert "duplicate" not in again.body
    assert ran == [{"n": 2}]


def test_a_repeat_after_the_window_is_taken_back_by_the_same_key(stand):
    stand.post(ORDER, idempotency_key="k")
    stand.clock.advance(timedelta(days=2))
    stand.post({**ORDER, "delayseconds": 3600}, idempotency_key="k")
    assert [key for key, _ in stand.waiting()] == ["k.1"]

    assert stand.delete("k") == (204, None)
    stand.post({**ORDER, "delayseconds": 3600}, idempotency_key="k")
    assert [key for key, _ in stand.waiting()] == ["k.2"]


@pytest.mark.parametrize("delay", [None, 900])
def test_what_is_on_the_queue_is_not_taken_back_and_stays_known(stand, delay):
    stand.post({**ORDER, "delayseconds": delay or 0}, idempotency_key="k")

    status, problem = stand.delete("k")

    assert (status, problem["status"]) == (404, 404)
    assert "'k'" in problem["detail"]
    assert stand.post(ORDER, idempotency_key="k").body["duplicate"] is True


def test_what_waits_for_a_second_attempt_is_not_taken_back(stand):
    stand.post({**ORDER, "delayseconds": 3600}, idempotency_key="k")
    stand.clock.advance(timedelta(hours=1))
    ledger = stand.ledgers["orders"]
    [waiting] = ledger.waiting(due_before=stand.clock.now(), limit=1)
    ledger.lease([waiting.entry], lasts=MINUTE)

    assert stand.delete("k")[0] == 404
    assert ledger.items["k"].state is State.RUNNING


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"key": "unheard-of"}, 404),
        ({"key": "k", "queue": "unheard-of"}, 404),
        ({"key": "k", "authorization": "Bearer guessed"}, 401),
    ],
)
def test_what_cannot_be_taken_back_is_a_problem_that_says_why(stand, request_, status):
    stand.post({**ORDER, "delayseconds": 3600}, idempotency_key="k")

    answered, problem = stand.delete(**request_)

    assert (answered, problem["status"]) == (status, status)
    assert [key for key, _ in stand.waiting()] == ["k"]


@pytest.mark.parametrize("windows_before", [0, 1, 2])
def test_a_ledger_that_is_down_is_a_503_and_the_next_try_takes_it_back(stand, windows_before):
    for _ in range(windows_before):
        stand.post(ORDER, idempotency_key="k")
        stand.clock.advance(timedelta(days=2))
    stand.post({**ORDER, "delayseconds": 3600}, idempotency_key="k")
    stand.ledgers["orders"].down = True
    refused, _ = stand.delete("k")
    stand.ledgers["orders"].down = False

    assert refused == 503
    assert stand.delete("k") == (204, None)


def test_taking_back_is_told_in_the_log(stand, log):
    stand.post({**ORDER, "delayseconds": 3600}, idempotency_key="k")
    stand.delete("k")

    action, fields = log.lines[-1]
    assert action is Action.CANCELLED
    assert (fields["queue"], fields["idempotency_key"]) == ("orders", "k")


def wake_and_run(stand, ran):
    """A round of the waker, and the consumer on whatever it sent."""
    queue, ledger = a_queue(), stand.ledgers["orders"]
    waker = Waker(
        queue=queue,
        consumer="fulfil_order",
        ledger=ledger,
        broker=stand.orders,
        claim_check=None,
        clock=stand.clock,
        log=stand.log,
    )
    waker.wake(remaining=lambda: MINUTE)
    consumer = Consumer(
        queue,
        lambda message: ran.append(message.data),
        parts=ConsumerParts(
            broker=stand.orders, ledger=ledger, log=stand.log, counts=lambda _outcomes, _durations: None
        ),
        clock=stand.clock,
    )
    consumer(
        sqs_event(*(sqs_record(letter.body, message_id=name) for name, letter, *_ in stand.orders.resent)),
        FakeContext(),
    )
