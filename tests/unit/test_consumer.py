"""The Lambda consumer: batches in, partial failures out."""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import timedelta

import pytest
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.data_classes import SQSEvent, event_source

from headworks import outcome
from headworks.claim_check import ClaimCheck
from headworks.consumer import NotABatch
from headworks.context import NotExtendable
from headworks.errors import Reject, Retry, Unavailable
from headworks.ledger.ledger import State
from headworks.ledger.memory import MemoryLedger
from headworks.message import encode
from headworks.outbound.errors import ConnectionFailed
from headworks.outcome import Fault, Reason
from headworks.retry import RetryPolicy
from headworks.telemetry import Action
from headworks.testing.events import FakeContext, sqs_event, sqs_record
from tests.support.declarations import SECOND, a_message, a_queue
from tests.support.stand import Order, Stand, record


def failing_for(*names, error=None):
    def handle(message):
        if message.data.customer in names:
            raise error or RuntimeError("no")

    return handle


def test_one_failing_record_of_ten_is_the_only_one_that_comes_back():
    stand = Stand(failing_for("m4"))

    assert stand.receive(*(record(f"m{n}") for n in range(10))) == ["m4"]
    assert stand.counts == {"Done": 9, "Retry": 1}


def test_a_batch_that_failed_whole_is_a_response_and_not_an_exception():
    stand = Stand(failing_for("a", "b"))

    assert stand.receive(record("a"), record("b")) == ["a", "b"]


def test_an_empty_batch_is_nothing_to_do():
    assert Stand(failing_for()).receive() == []


@pytest.mark.parametrize("event", [{}, {"source": "aws.events"}, None, []])
def test_an_event_that_is_no_batch_is_an_error_that_says_so(event):
    with pytest.raises(NotABatch, match="orders"):
        Stand(failing_for()).consumer(event, FakeContext())


def test_the_payload_arrives_as_its_type():
    got = []
    Stand(lambda message: got.append(message.data)).receive(record("m", customer="ada"))

    assert got == [Order(customer="ada")]


def test_the_second_parameter_tells_which_attempt_this_is():
    got = []

    def handle(_message, context):
        got.append(context)
        raise RuntimeError("no")

    stand = Stand(handle)
    stand.receive(record("m"))
    stand.clock.advance(SECOND)
    stand.receive(record("m", count=7))

    assert [each.attempt for each in got] == [1, 2]
    assert (got[0].max_attempts, got[0].idempotency_key) == (3, "m")
    assert got[0].remaining_time() == timedelta(minutes=5)


def test_the_second_parameter_tells_what_failed_before_and_which_trace_it_is_in(caplog):
    got = []

    def handle(_message, context):
        got.append(context)
        context.logger.warning("half-way", extra={"step": 2})
        raise ValueError("no")

    stand = Stand(handle, version="7")
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    stand.receive(record("m", traceparent=trace))
    stand.clock.advance(SECOND)
    stand.receive(record("m", traceparent=trace, count=2))

    [failure] = got[1].history
    assert got[0].history == ()
    assert (failure.attempt, failure.error_type, failure.error) == (1, "ValueError", "no")
    assert (failure.version, failure.request_id) == ("7", FakeContext().aws_request_id)
    assert "raise ValueError" in failure.stack
    assert got[1].traceparent == trace
    line = caplog.records[1]
    assert (line.getMessage(), line.step, line.attempt) == ("half-way", 2, 2)
    assert (line.queue, line.message_id, line.traceparent) == ("orders", got[1].message_id, trace)


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (Retry("busy", fault=Fault.ENDPOINT), Fault.ENDPOINT),
        (Reject("no such place", fault=Fault.ENDPOINT), Fault.ENDPOINT),
        (ConnectionFailed("reset"), Fault.ENDPOINT),
        (Retry("busy"), Fault.PIPELINE),
        (ValueError("no"), Fault.PIPELINE),
    ],
)
def test_a_failure_is_kept_with_whose_fault_it_was(error, fault):
    def handle(_message):
        raise error

    stand = Stand(handle)
    stand.receive(record("m"))

    assert [each.fault for each in stand.ledger.items["m"].history] == [fault]


def test_waits_follow_the_policy_and_the_last_attempt_is_the_end():
    stand = Stand(failing_for("m"))

    for count in (1, 2, 3):
        stand.receive(record("m", count=count))
        stand.clock.advance(6 * SECOND)

    first, second, third = stand.outcomes
    assert (first.after, second.after) == (SECOND, 5 * SECOND)
    assert third.reason is Reason.EXHAUSTED
    assert [each.attempt for each in stand.ledger.items["m"].history] == [1, 2, 3]


@pytest.mark.parametrize("count", [1, 50, 900])
def test_receives_are_not_attempts(count):
    stand = Stand(failing_for("m"))

    stand.receive(record("m", count=count))

    assert stand.outcomes[0].after == SECOND


def test_a_handler_chooses_its_own_wait():
    stand = Stand(failing_for("m", error=Retry("busy", after=7 * SECOND)))

    assert stand.receive(record("m")) == ["m"]
    assert stand.outcomes[0].after == 7 * SECOND


def test_a_rejected_message_is_dead_at_once_and_let_go_of():
    stand = Stand(failing_for("m", error=Reject("never")))

    assert stand.receive(record("m")) == []
    assert stand.outcomes[0].reason is Reason.REJECTED


@pytest.mark.parametrize(
    "body", ["not json", '{"customer": 5}', "[]", "", '{"specversion": "1.0"}', "[" * 100_000]
)
def test_an_unreadable_body_is_dead_at_once_and_nobody_else_is(body):
    stand = Stand(failing_for())

    assert stand.receive(sqs_record(body, message_id="bad"), record("good")) == []
    outcomes = {each.delivery.id: each.outcome for each in stand.broker.settled}
    assert outcomes["bad"].reason is Reason.UNDECODABLE
    assert outcomes["good"] == outcome.Done()


def test_a_plain_body_sent_by_hand_is_processed():
    got = []
    Stand(lambda message: got.append(message.data)).receive(sqs_record('{"customer": "by hand"}'))

    assert got == [Order(customer="by hand")]


def test_a_notification_of_s3_is_processed_as_it_came():
    got = []
    body = json.dumps({"Records": [{"eventName": "ObjectCreated:Put", "s3": {"object": {"key": "a.csv"}}}]})
    sns = json.dumps({"Type": "Notification", "TopicArn": "arn:aws:sns:x", "Message": body})
    stand = Stand(lambda message: got.append(message.data["Records"][0]["s3"]["object"]["key"]), payload=dict)

    stand.receive(sqs_record(body, message_id="straight"), sqs_record(sns, message_id="through SNS"))

    assert got == ["a.csv", "a.csv"]


def test_an_expired_message_is_dead_and_not_processed():
    ran = []
    stand = Stand(ran.append)
    late = record("m", expires_at=stand.clock.now() + SECOND)
    stand.clock.advance(SECOND)

    stand.receive(late)

    assert ran == []
    assert stand.outcomes[0].reason is Reason.EXPIRED


def test_the_same_key_runs_once():
    ran = []
    stand = Stand(ran.append)

    stand.receive(record("a", key="k"))
    assert stand.receive(record("b", key="k")) == []

    assert len(ran) == 1
    assert stand.outcomes[1] == outcome.Done(duplicate=True)


def test_a_key_that_runs_elsewhere_is_left_alone_and_comes_back():
    stand = Stand(failing_for())
    stand.leased("k", lasts=20 * SECOND)

    assert stand.receive(record("a", key="k")) == ["a"]
    assert stand.outcomes[0].after == 20 * SECOND


@pytest.mark.parametrize("fifo", [False, True])
def test_a_lease_ends_with_the_invocation_that_took_it(fifo):
    stand = Stand(lambda _message: ends.append(stand.ledger.items["m"].ends - stand.clock.now()), fifo=fifo)
    ends = []

    stand.receive(ordered("m", "a"), context=FakeContext(remaining_ms=40_000))

    assert ends == [40 * SECOND]


def test_what_its_owner_died_of_runs_again_and_the_crash_is_counted():
    got = []
    stand = Stand(lambda _message, context: got.append(context.attempt))
    stand.leased("k")
    stand.clock.advance(60 * SECOND)

    assert stand.receive(record("a", key="k", count=2)) == []
    assert got == [2]
    assert stand.ledger.items["k"].crashes == 1


def test_a_message_that_keeps_killing_is_dead_as_crashed():
    stand = Stand(failing_for(), max_crashes=2)
    stand.leased("k")
    for _ in range(2):
        stand.clock.advance(60 * SECOND)
        stand.ledger.take_over(stand.leased("k"), lasts=60 * SECOND)
    stand.clock.advance(60 * SECOND)

    assert stand.receive(record("a", key="k", count=4)) == []
    assert stand.outcomes == [outcome.Dead(reason=Reason.CRASHED)]


def test_a_suspect_runs_last_and_alone_after_everything_else_is_settled():
    seen = []

    def handle(message):
        settled = [each.delivery.id for each in stand.broker.settled]
        seen.append((message.data.customer, settled, list(stand.broker.deleted)))

    stand = Stand(handle, concurrency=1)
    stand.leased("poison")
    stand.clock.advance(60 * SECOND)

    stand.receive(record("poison", count=2), record("a"), record("b"))

    assert seen[-1] == ("poison", ["a", "b"], ["a", "b"])


def test_equal_keys_in_one_batch_run_once():
    ran = []
    stand = Stand(ran.append)

    assert stand.receive(record("a", key="k"), record("b", key="k"), record("c")) == []
    assert len(ran) == 2
    assert outcome.Done(duplicate=True) in stand.outcomes


def test_the_twin_of_a_failed_message_comes_back_with_it():
    stand = Stand(failing_for("x"))

    assert sorted(stand.receive(record("a", key="k", customer="x"), record("b", key="k", customer="x"))) == [
        "a",
        "b",
    ]
    assert stand.ledger.items["k"].attempt == 1


def test_a_long_wait_is_out_of_the_queue():
    stand = Stand(failing_for("m"), retry=RetryPolicy(delays=(30 * 60 * SECOND,), jitter=0))

    assert stand.receive(record("m")) == []
    assert stand.ledger.items["m"].state is State.WAITING
    assert stand.receive(record("m")) == []
    assert json.loads(stand.ledger.letters["m"][0].body)["data"] == {"customer": "m"}


def test_completions_that_the_store_refuses_are_tried_again():
    class Flaky(MemoryLedger):
        refusals = 2

        def complete(self, leases):
            self.refusals -= 1
            return [None] * len(leases) if self.refusals >= 0 else super().complete(leases)

    stand = Stand(failing_for(), ledger=Flaky)

    assert stand.receive(record("a"), record("b")) == []
    assert {item.state for item in stand.ledger.items.values()} == {State.COMPLETED}
    assert "CompletionLost" not in stand.counts


def test_a_handler_that_outlasts_the_invocation_ends_the_process_and_nobody_elses_work_is_lost():
    stuck, started = threading.Event(), threading.Event()
    deadline = [100_000]

    def handle(message):
        if message.data.customer == "stuck":
            started.set()
            stuck.wait(20)

    def remaining():
        # Time is up once the stuck handler runs and the other one is done.
        if (
            started.is_set()
            and stand.ledger.items.get("a")
            and stand.ledger.items["a"].state is State.COMPLETED
        ):
            deadline[0] = min(deadline[0], 3_100)
        return deadline[0]

    stand = Stand(handle)
    stand.receive(record("stuck"), record("a"), context=FakeContext(remaining_ms=remaining))
    stuck.set()

    assert stand.exited == [1]
    assert stand.broker.deleted == ["a"]
    assert stand.ledger.items["stuck"].state is State.RUNNING


def test_an_async_handler_is_cancelled_at_its_timeout_and_that_is_a_failed_attempt():
    async def handle(_message):
        await asyncio.Event().wait()

    stand = Stand(handle, timeout=SECOND)

    assert stand.receive(record("m")) == ["m"]
    assert stand.ledger.items["m"].history[0].error_type == "TimeoutError"


def test_a_failed_attempt_gives_its_lease_back():
    stand = Stand(failing_for("m"))

    stand.receive(record("m"))
    stand.clock.advance(SECOND)
    stand.receive(record("m", count=2))

    assert [type(each) for each in stand.outcomes] == [outcome.Retry, outcome.Retry]


def test_a_ledger_that_is_down_defers_and_costs_nothing():
    ran = []
    stand = Stand(ran.append)
    stand.ledger.down = True

    assert stand.receive(record("m", count=9)) == ["m"]
    assert ran == []
    assert isinstance(stand.outcomes[0], outcome.Defer)


@pytest.mark.parametrize(
    "dead", [record("m"), sqs_record('{"specversion": "1.0"}', message_id="m")], ids=["run", "unrun"]
)
def test_a_dead_message_stays_on_the_queue_until_the_ledger_has_it(dead):
    class Full(MemoryLedger):
        def bury(self, *_, **__):
            raise Unavailable("the ledger", "full")

    stand = Stand(failing_for("m", error=Reject("never")), ledger=Full)

    assert stand.receive(dead) == ["m"]
    assert isinstance(stand.outcomes[0], outcome.Defer)
    assert Action.DEAD not in stand.log.actions


def test_done_stays_done_when_the_completing_write_fails():
    def handle(_message):
        stand.ledger.down = True

    stand = Stand(handle)

    assert stand.receive(record("m")) == []
    assert stand.outcomes == [outcome.Done()]
    assert Action.TROUBLE in stand.log.actions


def test_trouble_of_our_own_inside_a_handler_is_no_verdict_on_the_message():
    stand = Stand(failing_for("m", error=Unavailable("the secrets", "down")))

    assert stand.receive(record("m", count=3)) == ["m"]
    assert isinstance(stand.outcomes[0], outcome.Defer)


def test_a_claim_checked_body_arrives_whole(aws, bucket):
    got = []
    queue = a_queue(claim_check_over_bytes=10)
    claim_check = ClaimCheck(queue, aws("s3"), bucket=bucket)
    travelling = claim_check.check_in(a_message(b'{"customer": "a long name"}'))

    Stand(lambda message: got.append(message.data), claim_check=claim_check).receive(
        sqs_record(encode(travelling))
    )

    assert got == [Order(customer="a long name")]


def test_a_claim_checked_body_that_is_gone_is_dead_for_that_reason(aws, bucket):
    queue = a_queue(claim_check_over_bytes=10)
    claim_check = ClaimCheck(queue, aws("s3"), bucket=bucket)
    travelling = claim_check.check_in(a_message(b'{"customer": "a long name"}'))
    aws("s3").delete_object(Bucket=bucket, Key=travelling.data_ref.removeprefix("s3://bodies/"))
    stand = Stand(failing_for(), claim_check=claim_check)

    stand.receive(sqs_record(encode(travelling)))

    assert stand.outcomes[0].reason is Reason.BODY_MISSING


def test_no_handler_starts_that_cannot_finish_in_time():
    ran = []
    stand = Stand(ran.append, timeout=30 * SECOND)

    assert stand.receive(record("m"), context=FakeContext(remaining_ms=29_000)) == ["m"]
    assert ran == []
    assert isinstance(stand.outcomes[0], outcome.Defer)


def test_a_run_that_found_no_time_to_start_costs_no_attempt():
    got = []
    stand = Stand(lambda _message, context: got.append(context.attempt), timeout=30 * SECOND)

    stand.receive(record("m"), context=FakeContext(remaining_ms=29_000))
    assert stand.receive(record("m", count=2)) == []

    assert got == [1]
    assert stand.ledger.items["m"].crashes == 0


def test_records_of_a_batch_run_at_the_same_time_as_many_as_declared():
    together = threading.Barrier(5, timeout=10)
    stand = Stand(lambda _message: together.wait(), concurrency=5)

    assert stand.receive(*(record(f"m{n}") for n in range(10))) == []


@pytest.mark.parametrize("concurrency", [1, 3])
def test_never_more_than_the_declared_number_run_at_once(concurrency):
    running, most, lock = 0, 0, threading.Lock()

    def handle(_message):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.01)
        with lock:
            running -= 1

    Stand(handle, concurrency=concurrency, timeout=SECOND).receive(*(record(f"m{n}") for n in range(9)))

    assert most == concurrency


def test_async_handlers_run_at_the_same_time_as_tasks():
    async def handle(_message):
        arrived.append(1)
        if len(arrived) == 10:
            everybody.set()
        await asyncio.wait_for(everybody.wait(), 10)

    arrived, everybody = [], asyncio.Event()
    stand = Stand(handle)

    assert stand.receive(*(record(f"m{n}") for n in range(10))) == []


def test_a_cancelled_task_is_a_failed_attempt():
    async def handle(_message):
        raise asyncio.CancelledError

    stand = Stand(handle)

    assert stand.receive(record("m")) == ["m"]
    assert isinstance(stand.outcomes[0], outcome.Retry)


def test_a_handler_that_asks_to_exit_has_failed_its_attempt():
    def handle(_message):
        raise SystemExit(3)

    stand = Stand(handle)

    assert stand.receive(record("m")) == ["m"]
    assert stand.ledger.items["m"].history[0].error == "the handler asked to exit with 3"


class Unforeseen(BaseException):
    """What no boundary catches."""


@pytest.mark.parametrize("fifo", [False, True])
def test_a_delivery_that_comes_to_no_outcome_is_handed_out_again(fifo):
    def handle(message):
        if message.data.customer == "a1":
            raise Unforeseen

    stand = Stand(handle, fifo=fifo)

    kept = stand.receive(*(ordered(f"{key}{n}", key) for n in range(3) for key in "ab"))

    assert sorted(kept) == (["a1", "a2"] if fifo else ["a1"])
    assert Action.TROUBLE in stand.log.actions


@pytest.mark.parametrize("fifo", [False, True])
def test_a_store_that_fails_in_a_way_of_its_own_loses_nothing(fifo):
    class Broken(MemoryLedger):
        def retry(self, lease, failure, *, due):
            raise ZeroDivisionError

    stand = Stand(failing_for("a0"), ledger=Broken, fifo=fifo)

    assert stand.receive(ordered("a0", "a"), ordered("b0", "b")) == ["a0"]


def test_failures_are_reported_in_the_order_of_the_batch():
    names = [f"m{n}" for n in range(10)]

    assert Stand(failing_for(*names)).receive(*map(record, names)) == names


def test_powertools_decorators_can_wrap_it():
    stand = Stand(failing_for("b"))
    logger = Logger(service="test")
    handler = logger.inject_lambda_context(event_source(data_class=SQSEvent)(stand.consumer))

    answer = handler(sqs_event(record("a"), record("b")), FakeContext())

    assert answer == {"batchItemFailures": [{"itemIdentifier": "b"}]}


def ordered(name, key, **fields):
    message = a_message(json.dumps({"customer": name}).encode(), idempotency_key=name, ordering_key=key)
    return sqs_record(encode(message), message_id=name, MessageGroupId=key, **fields)


def test_a_failure_stops_its_ordering_key_and_the_rest_comes_back_at_once():
    stand = Stand(failing_for("a1"), fifo=True)

    kept = stand.receive(*(ordered(f"{key}{n}", key) for n in range(3) for key in "ab"))

    assert sorted(kept) == ["a1", "a2"]
    waits = {
        each.delivery.id: each.outcome.after for each in stand.broker.settled if each.delivery.id in kept
    }
    assert waits == {"a1": SECOND, "a2": 0 * SECOND}
    assert "a2" not in stand.ledger.items


def test_an_ordering_key_goes_on_after_a_dead_message():
    ran = []

    def handle(message):
        ran.append(message.data.customer)
        if message.data.customer == "a0":
            assert "a1" not in stand.ledger.items
            raise Reject("never")
        assert stand.ledger.items["a0"].state is State.DEAD

    stand = Stand(handle, fifo=True)

    assert stand.receive(ordered("a0", "a"), ordered("a1", "a")) == []
    assert ran == ["a0", "a1"]


@pytest.mark.parametrize("fails", [False, True])
def test_nothing_of_its_ordering_key_overtakes_a_suspect(fails):
    ran = []

    def handle(message):
        ran.append(message.data.customer)
        if fails and message.data.customer == "a0":
            raise RuntimeError("no")

    stand = Stand(handle, fifo=True)
    stand.leased("a0")
    stand.clock.advance(60 * SECOND)

    kept = stand.receive(*(ordered(name, name[0], count=2) for name in ("a0", "a1", "b0")))

    assert ran == (["b0", "a0"] if fails else ["b0", "a0", "a1"])
    assert kept == (["a0", "a1"] if fails else [])


def test_ordering_keys_run_at_the_same_time():
    together = threading.Barrier(3, timeout=10)
    stand = Stand(lambda _message: together.wait(), fifo=True)

    assert stand.receive(*(ordered(f"{key}0", key) for key in "abc")) == []


def test_a_message_is_completed_before_the_next_of_its_key_starts():
    states = []

    def handle(message):
        states.append([item.state for item in stand.ledger.items.values()])

    stand = Stand(handle, fifo=True)
    stand.receive(*(ordered(f"a{n}", "a") for n in range(3)))

    assert states[-1] == [State.COMPLETED, State.COMPLETED, State.RUNNING]


def test_every_line_carries_ids_and_outcome_and_no_line_the_payload():
    stand = Stand(failing_for("secret-customer"))

    stand.receive(record("m", customer="secret-customer"))

    assert stand.log.actions == [Action.STARTED, Action.RETRY]
    assert all({"queue", "consumer", "message_id", "attempt"} <= set(fields) for _, fields in stand.log.lines)
    assert "secret-customer" not in repr(stand.log.lines)


def test_on_lambda_a_run_that_asks_for_more_time_is_told_that_there_is_none():
    stand = Stand(lambda _message, context: context.extend(timedelta(minutes=5)))

    stand.receive(record("m1"))

    [verdict] = stand.outcomes
    assert isinstance(verdict.error, NotExtendable)
    assert "0:05:00 more" in str(verdict.error)
