"""A batch under way: faults of our own, and leases by the lot."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier

import pytest

from headworks.consumer import Consumer
from headworks.errors import Unavailable
from headworks.ledger.memory import MemoryLedger
from headworks.message import encode
from headworks.telemetry import Action
from headworks.testing.broker import MemoryBroker
from headworks.testing.events import FakeContext, sqs_event, sqs_record
from headworks.wiring import ConsumerParts
from tests.support.declarations import a_message, a_queue

PATIENCE_SECONDS = 30


class Faulty(MemoryLedger):
    """A ledger with a bug: it can't write a failure down."""

    def retry(self, lease, failure, *, due):
        raise KeyError("a bug")


class DownForOneLot(MemoryLedger):
    """A ledger that doesn't answer when it is asked for the message `m30`."""

    def lease(self, entries, *, lasts):
        if "m30" in {entry.key for entry in entries}:
            raise Unavailable("the ledger", "down")
        return super().lease(entries, lasts=lasts)


def fails_at(name):
    def handle(message):
        if message.idempotency_key == name:
            raise RuntimeError("no")

    return handle


@pytest.fixture
def returned(clock, log):
    """Answers the names of a batch that come back."""

    def receive(handle, ledger, number, **fields):
        consumer = Consumer(
            a_queue(**fields),
            handle,
            parts=ConsumerParts(
                broker=MemoryBroker(),
                ledger=ledger(clock),
                log=log,
                counts=lambda _outcomes, _durations: None,
            ),
            clock=clock,
        )
        group = {"MessageGroupId": "ada"} if fields.get("fifo") else {}
        records = [
            sqs_record(
                encode(a_message(idempotency_key=f"m{n}", ordering_key="ada")), message_id=f"m{n}", **group
            )
            for n in range(number)
        ]
        answer = consumer(sqs_event(*records), FakeContext())
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    return receive


def large_batches():
    return {"batch_size": 100, "batch_window": timedelta(seconds=1), "claim_check_over_bytes": 32 * 1024}


def test_a_fault_of_our_own_brings_back_what_it_hit_and_nothing_else(returned, log):
    assert returned(fails_at("m4"), Faulty, 10) == ["m4"]

    fault, returned_one = [fields for action, fields in log.lines if action is Action.TROUBLE]
    assert isinstance(fault["error"], KeyError)
    assert returned_one["message_id"] == "m4"


def test_in_order_it_brings_back_what_stands_behind_it_too(returned):
    assert returned(fails_at("m4"), Faulty, 6, fifo=True) == ["m4", "m5"]


def test_a_lot_that_cannot_be_leased_holds_up_no_other(returned):
    names = returned(fails_at(None), DownForOneLot, 100, **large_batches())

    assert names == [f"m{n}" for n in range(25, 50)]


def test_as_many_handlers_run_at_once_as_are_declared(returned):
    together = Barrier(20)

    def handle(_message):
        together.wait(PATIENCE_SECONDS)

    assert returned(handle, MemoryLedger, 100, concurrency=20, **large_batches()) == []
