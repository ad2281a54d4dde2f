"""Many copies of a message at once, and owners who are late: one effect, and one owner's word."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Lock

import pytest

from headworks.chunks import chunks
from headworks.consumer import Consumer
from headworks.errors import Reject, Retry
from headworks.ledger.dynamodb import DynamoDBLedger
from headworks.ledger.ledger import Entry, State
from headworks.ledger.memory import MemoryLedger
from headworks.message import encode
from headworks.outcome import Defer, Done
from headworks.testing.broker import MemoryBroker
from headworks.testing.clock import MovingClock
from headworks.testing.events import FakeContext, sqs_event, sqs_record
from headworks.testing.log import RecordingLog
from headworks.wiring import ConsumerParts
from tests.support.declarations import SECOND, a_message, a_queue

COPIES, KEYS = 16, 1000
LEASE = 40 * SECOND


def consumer(ledger, handle, **options):
    """A process of its own over a ledger that it shares."""
    broker = MemoryBroker()
    parts = ConsumerParts(broker=broker, ledger=ledger, log=RecordingLog(), counts=lambda *_: None)
    return Consumer(a_queue(), handle, parts=parts, **options), broker


@pytest.fixture(params=["memory", pytest.param("dynamodb", marks=pytest.mark.e2e)])
def ledgers(request):
    """Answers each process's way to one ledger."""
    if request.param == "memory":
        shared = MemoryLedger()
        return lambda: shared
    client = request.getfixturevalue("emulator_clients")("dynamodb")
    table = request.getfixturevalue("ledger_table")
    return lambda: DynamoDBLedger(a_queue(), "fulfil_order", client, table=table)


def test_sixteen_copies_at_once_of_a_thousand_messages_are_a_thousand_effects(ledgers, report):
    effects, lock, together = Counter(), Lock(), Barrier(COPIES)

    def handle(message):
        with lock:
            effects[message.idempotency_key] += 1

    def process(copy):
        handler, broker = consumer(ledgers(), handle)
        for batch in chunks(range(KEYS), 10):
            records = [
                sqs_record(encode(a_message(idempotency_key=f"key-{n}")), message_id=f"{n}/{copy}")
                for n in batch
            ]
            together.wait(60)
            handler(sqs_event(*records), FakeContext())
        return Counter(type(each.outcome).__name__ for each in broker.settled)

    with ThreadPoolExecutor(COPIES) as pool:
        outcomes = sum(pool.map(process, range(COPIES)), Counter())

    assert effects == dict.fromkeys((f"key-{n}" for n in range(KEYS)), 1)
    assert outcomes.total() == COPIES * KEYS
    assert set(outcomes) <= {"Done", "Defer"}
    report(copies_at_once=outcomes.total(), effects_of_copies=effects.total())


ENDS = {
    "waits long": Retry("not now", after=timedelta(minutes=30)),
    "waits a little": RuntimeError("no"),
    "gives up": Reject("never"),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("next_owner", ["runs", "completed"])
def test_an_owner_whose_lease_has_ended_changes_nothing_and_lets_go_of_what_is_done_alone(end, next_owner):
    clock = MovingClock()
    ledger = MemoryLedger(clock)
    entry = Entry(key="m", message_id="m", type="order.placed", source="shop")

    def handle(_message):
        clock.advance(LEASE)
        [suspect] = ledger.lease([entry], lasts=LEASE)
        owner = ledger.take_over(suspect, lasts=LEASE)
        if next_owner == "completed":
            ledger.complete([owner])
        items.append(ledger.items["m"])
        raise ENDS[end]

    items = []
    handler, broker = consumer(ledger, handle, clock=clock)
    record = sqs_record(encode(a_message(idempotency_key="m")), message_id="m")
    answer = handler(sqs_event(record), FakeContext(remaining_ms=int(LEASE.total_seconds() * 1000)))

    assert ledger.items["m"] == items[0]
    assert ledger.items["m"].state is (State.COMPLETED if next_owner == "completed" else State.RUNNING)
    # A message to be buried is found done; one that is to come again finds that when it comes.
    is_over = (end, next_owner) == ("gives up", "completed")
    assert [type(each.outcome) for each in broker.settled] == [Done if is_over else Defer]
    assert answer == {"batchItemFailures": [] if is_over else [{"itemIdentifier": "m"}]}
