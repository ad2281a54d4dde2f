"""Handlers that take a batch at once."""

from __future__ import annotations

import asyncio
import threading

import pytest
from msgspec import structs

from headworks import outcome
from headworks.claim_check import ClaimCheck
from headworks.errors import Failed, InvalidDeclaration, Reject, Retry, Unavailable
from headworks.ledger.ledger import State
from headworks.ledger.memory import MemoryLedger
from headworks.message import encode
from headworks.outcome import Reason
from headworks.telemetry import Action
from headworks.testing.events import FakeContext, sqs_record
from tests.support.declarations import SECOND, a_message, a_queue
from tests.support.stand import Order, Stand, record


class Writer:
    """A handler of batches that keeps what it got, and fails as it is told."""

    def __init__(self, fails=None):
        self.batches, self.contexts = [], []
        self.fails = fails

    def __call__(self, messages, context):
        self.batches.append([message.idempotency_key for message in messages])
        self.contexts.append([context.of(message) for message in messages])
        if self.fails is not None:
            self.fails(messages)


def a_stand(handle=None, **fields):
    return Stand(handle or Writer(), in_batches=True, **fields)


def raising(error):
    def fail(_messages):
        raise error

    return fail


def naming(errors):
    """Fails those that it names, by their keys."""

    def fail(messages):
        raise Failed(
            {each: errors[each.idempotency_key] for each in messages if each.idempotency_key in errors}
        )

    return fail


def test_all_that_may_run_comes_at_once_and_is_done_when_the_handler_returns():
    writer = Writer()
    stand = a_stand(writer)

    assert stand.receive(*(record(f"m{n}") for n in range(10))) == []
    assert writer.batches == [[f"m{n}" for n in range(10)]]
    assert stand.counts == {"Done": 10}
    assert {item.state for item in stand.ledger.items.values()} == {State.COMPLETED}


def test_a_batch_of_several_lots_is_one_batch():
    writer = Writer()
    large = {"batch_size": 100, "batch_window": SECOND, "claim_check_over_bytes": 32 * 1024}
    stand = a_stand(writer, **large)

    assert stand.receive(*(record(f"m{n}") for n in range(100))) == []
    [batch] = writer.batches
    assert sorted(batch) == sorted(f"m{n}" for n in range(100))
    assert stand.counts == {"Done": 100}


def test_the_messages_hold_their_payload_as_its_type():
    got = []
    a_stand(lambda messages: got.extend(each.data for each in messages)).receive(record("a"), record("b"))

    assert got == [Order(customer="a"), Order(customer="b")]


def test_an_async_handler_takes_a_batch_too():
    got = []

    async def write(messages):
        await asyncio.sleep(0)
        got.append(len(messages))

    assert a_stand(write).receive(record("a"), record("b")) == []
    assert got == [2]


def test_an_exception_fails_all_of_them_each_with_an_attempt_and_a_history_of_its_own():
    stand = a_stand(Writer(raising(ValueError("no"))))
    stand.receive(record("a"))
    stand.clock.advance(SECOND)

    assert stand.receive(record("a", count=2), record("b")) == ["a", "b"]
    histories = {key: [each.attempt for each in item.history] for key, item in stand.ledger.items.items()}
    assert histories == {"a": [1, 2], "b": [1]}
    assert stand.ledger.items["b"].history[0].error == "no"


def test_what_has_no_attempt_left_is_dead_and_its_neighbour_is_not():
    stand = a_stand(Writer(raising(ValueError("no"))))
    for count in (1, 2):
        stand.receive(record("old", count=count))
        stand.clock.advance(6 * SECOND)

    assert stand.receive(record("old", count=3), record("new")) == ["new"]
    last = {each.delivery.id: each.outcome for each in stand.broker.settled[-2:]}
    assert last["old"].reason is Reason.EXHAUSTED
    assert isinstance(last["new"], outcome.Retry)


def test_a_partial_failure_names_those_that_failed_and_all_others_are_done():
    errors = {"a": ValueError("no"), "b": Reject("never"), "c": Retry("busy", after=7 * SECOND)}
    stand = a_stand(Writer(naming(errors)))

    assert stand.receive(*(record(name) for name in "abcde")) == ["a", "c"]
    outcomes = {each.delivery.id: each.outcome for each in stand.broker.settled}
    assert outcomes["a"].after == SECOND
    assert outcomes["b"].reason is Reason.REJECTED
    assert outcomes["c"].after == 7 * SECOND
    assert outcomes["d"] == outcomes["e"] == outcome.Done()
    assert [each.error_type for each in stand.ledger.items["a"].history] == ["ValueError"]


def test_a_message_can_be_named_whatever_its_payload_is():
    stand = a_stand(Writer(naming({"a": ValueError("no")})), payload=dict)

    assert stand.receive(record("a"), record("b")) == ["a"]


def test_naming_a_message_of_another_batch_fails_those_that_are_not_named():
    def fail(messages):
        raise Failed({a_message(): ValueError("lost"), messages[0]: ValueError("no")})

    stand = a_stand(Writer(fail))

    assert stand.receive(record("a"), record("b")) == ["a", "b"]
    errors = {key: item.history[0].error for key, item in stand.ledger.items.items()}
    assert errors["a"] == "no"
    assert "isn't in its batch" in errors["b"]


def test_a_failure_that_names_nothing_is_refused():
    with pytest.raises(ValueError, match="names no message"):
        Failed({})


def test_a_failure_whose_error_is_no_exception_is_refused():
    with pytest.raises(TypeError, match="'no', which isn't an exception"):
        Failed({a_message(): "no"})


def test_trouble_of_a_store_is_nobodys_attempt():
    stand = a_stand(Writer(raising(Unavailable("the bucket", "down"))))

    assert stand.receive(record("a"), record("b")) == ["a", "b"]
    assert stand.counts == {"Defer": 2}
    assert stand.ledger.items == {}


def test_each_message_has_its_own_attempt_in_the_context():
    writer = Writer(raising(ValueError("no")))
    stand = a_stand(writer)
    stand.receive(record("a"))
    stand.clock.advance(SECOND)

    stand.receive(record("a", count=2), record("b"))

    assert [each.attempt for each in writer.contexts[1]] == [2, 1]
    assert [len(each.history) for each in writer.contexts[1]] == [1, 0]


@pytest.mark.parametrize("body", ["not json", '{"customer": 5}', '{"specversion": "1.0"}'])
def test_what_cannot_be_read_is_dead_and_takes_no_part(body):
    writer = Writer()
    stand = a_stand(writer)

    assert stand.receive(sqs_record(body, message_id="bad"), record("good")) == []
    outcomes = {each.delivery.id: each.outcome for each in stand.broker.settled}
    assert outcomes["bad"].reason is Reason.UNDECODABLE
    assert writer.batches == [["good"]]


def test_where_nothing_can_run_the_handler_is_not_called():
    writer = Writer()
    stand = a_stand(writer)
    late = record("late", expires_at=stand.clock.now() + SECOND)
    stand.clock.advance(SECOND)

    stand.receive(late, sqs_record('{"customer": 5}', message_id="bad"))

    assert writer.batches == []
    assert stand.counts == {"Dead": 2}


def test_what_was_done_before_or_stands_twice_in_the_batch_comes_once():
    writer = Writer()
    stand = a_stand(writer)
    stand.receive(record("a", key="k"))

    assert stand.receive(record("b", key="k"), record("c", key="l"), record("d", key="l")) == []
    assert writer.batches == [["k"], ["l"]]


def test_the_twin_of_one_that_failed_comes_back_with_it():
    stand = a_stand(Writer(naming({"k": ValueError("no")})))

    assert stand.receive(record("a", key="k"), record("b", key="k"), record("c")) == ["a", "b"]


def test_what_its_owner_died_of_runs_alone_after_the_others_are_settled():
    settled = []
    writer = Writer(lambda _messages: settled.append([each.delivery.id for each in stand.broker.settled]))
    stand = a_stand(writer)
    stand.leased("poison")
    stand.clock.advance(60 * SECOND)

    assert stand.receive(record("poison", count=2), record("a"), record("b")) == []
    assert writer.batches == [["a", "b"], ["poison"]]
    assert settled == [[], ["a", "b"]]
    assert writer.contexts[1][0].attempt == 2


def test_a_body_that_cannot_be_fetched_fails_alone(aws):
    s3 = aws("s3")
    s3.create_bucket(Bucket="bodies")
    writer = Writer()
    stand = a_stand(writer, claim_check=ClaimCheck(a_queue(), s3, bucket="bodies"))

    gone = encode(structs.replace(a_message(), data=b"", data_ref="s3://bodies/27d/orders/gone"))

    assert stand.receive(sqs_record(gone, message_id="gone"), record("here")) == []
    assert writer.batches == [["here"]]
    assert stand.counts == {"Dead": 1, "Done": 1}


def test_without_time_for_a_run_all_of_them_come_back_and_no_attempt_is_counted():
    writer = Writer()
    stand = a_stand(writer)

    names = stand.receive(record("a"), record("b"), context=FakeContext(remaining_ms=10_000))

    assert (names, writer.batches) == (["a", "b"], [])
    assert stand.ledger.items == {}


def test_a_lot_that_cannot_be_leased_leaves_the_rest_in_the_batch():
    class DownForOne(MemoryLedger):
        def lease(self, entries, *, lasts):
            if "m30" in {entry.key for entry in entries}:
                raise Unavailable("the ledger", "down")
            return super().lease(entries, lasts=lasts)

    writer = Writer()
    large = {"batch_size": 100, "batch_window": SECOND, "claim_check_over_bytes": 32 * 1024}
    stand = a_stand(writer, ledger=DownForOne, **large)

    assert stand.receive(*(record(f"m{n}") for n in range(50))) == [f"m{n}" for n in range(25, 50)]
    assert writer.batches == [[f"m{n}" for n in range(25)]]


def test_an_async_handler_is_cancelled_at_its_timeout_and_that_fails_all_of_them():
    async def write(_messages):
        await asyncio.Event().wait()

    stand = a_stand(write, timeout=SECOND)

    assert stand.receive(record("a"), record("b")) == ["a", "b"]
    assert {item.history[0].error_type for item in stand.ledger.items.values()} == {"TimeoutError"}


def test_a_handler_that_outlasts_the_invocation_ends_the_process_and_takes_no_duplicate_with_it():
    stuck = threading.Event()
    stand = a_stand(lambda _messages: stuck.wait(20), timeout=SECOND)

    stand.receive(
        sqs_record('{"customer": 5}', message_id="bad"),
        record("a"),
        context=FakeContext(remaining_ms=3_100),
    )
    stuck.set()

    assert stand.exited == [1]
    assert stand.ledger.items["a"].state is State.RUNNING
    assert stand.broker.deleted == ["bad"]


def test_one_run_counts_as_one_duration():
    stand = a_stand()

    stand.receive(record("a"), record("b"))

    assert len(stand.durations) == 1


def test_every_message_has_its_line_in_the_log():
    stand = a_stand(Writer(naming({"a": ValueError("no")})))

    stand.receive(record("a"), record("b"))

    assert stand.log.actions.count(Action.STARTED) == 2
    assert {Action.RETRY, Action.DONE} <= set(stand.log.actions)


def test_a_fifo_queue_is_refused_for_its_order():
    with pytest.raises(InvalidDeclaration, match="orders: a handler of batches has no order to keep"):
        a_stand(fifo=True)
