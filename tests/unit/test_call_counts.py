"""What a batch costs: every request that leaves for DynamoDB and SQS, counted where botocore makes it."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from threading import Event

import pytest

from headworks import batch
from headworks.brokers.sqs import SqsBroker
from headworks.consumer import Consumer
from headworks.errors import Reject, Retry
from headworks.ledger.dynamodb import DynamoDBLedger
from headworks.message import encode
from headworks.retry import RetryPolicy
from headworks.testing.events import FakeContext, sqs_event, sqs_record
from headworks.wiring import ConsumerParts
from tests.support.declarations import a_message, a_queue
from tests.support.partiql import answer_instead_of_moto, ok, read_partiql

PATIENCE_SECONDS = 30
MINUTE = timedelta(minutes=1)


class Stand:
    """A consumer on real botocore, and the requests that it makes."""

    def __init__(self, aws, table, log, clock, *, fifo=False, in_batches=False, **fields):
        self.requests: list[tuple[str, dict]] = []
        self.outcome = None
        self._fifo = fifo
        self._table, self._reader = table, aws("dynamodb")
        dynamodb, sqs = aws("dynamodb"), aws("sqs")
        for client in (dynamodb, sqs):
            client.meta.events.register("request-created", self._count)
        read_partiql(dynamodb, through=self._reader)
        answer_instead_of_moto(sqs, _every_entry)
        queue = a_queue(fifo=fifo, **fields)
        self.consumer = Consumer(
            queue,
            self._handle_all if in_batches else self._handle,
            in_batches=in_batches,
            parts=ConsumerParts(
                broker=SqsBroker(
                    queue, sqs, url="https://sqs/queue", dead_letter_url="https://sqs/dlq", log=log
                ),
                ledger=DynamoDBLedger(queue, "fulfil_order", dynamodb, table=table, clock=clock),
                log=log,
                counts=lambda _outcomes, _durations: None,
            ),
            clock=clock,
        )

    def receive(self, *names, count=1):
        """Have a batch handled, and answer what it cost: statements or calls, by what they do."""
        self.requests.clear()
        self.consumer(sqs_event(*(self._record(name, count) for name in names)), FakeContext())
        return Counter(operation for operation, _ in self.requests)

    def statements(self, verb):
        """How many statements of a kind each bulk request held, in their order."""
        bulk = [
            body["Statements"] for operation, body in self.requests if operation == "BatchExecuteStatement"
        ]
        return [len(some) for some in bulk if some[0]["Statement"].startswith(verb)]

    @property
    def items(self):
        return self._reader.scan(TableName=self._table)["Items"]

    def _handle(self, message):
        if self.outcome is not None:
            self.outcome(message)

    def _handle_all(self, messages):
        if self.outcome is not None:
            self.outcome(messages)

    def _record(self, name, count):
        body = encode(a_message(idempotency_key=name, ordering_key="ada" if self._fifo else None))
        group = {"MessageGroupId": "ada"} if self._fifo else {}
        return sqs_record(body, message_id=name, receive_count=count, **group)

    def _count(self, request, operation_name, **_):
        self.requests.append((operation_name, json.loads(request.data)))


def _every_entry(request, **_):
    entries = json.loads(request.body)["Entries"]
    return ok(request, {"Successful": [{"Id": each["Id"]} for each in entries], "Failed": []})


@pytest.fixture
def stand(aws, table, log, clock):
    return Stand(aws, table, log, clock)


@pytest.fixture
def finishing_together(monkeypatch):
    """However slow the machine: whatever finishes before the last handler ends has finished together."""
    monkeypatch.setattr(batch, "LULL", MINUTE)


def raising(error):
    def handle(_message):
        raise error

    return handle


def names(number):
    return [f"m{n}" for n in range(number)]


@pytest.mark.usefixtures("finishing_together")
def test_ten_new_messages_cost_one_lease_call_and_one_completion_call_and_nothing_is_read(stand):
    assert stand.receive(*names(10)) == {"BatchExecuteStatement": 2}
    assert (stand.statements("INSERT"), stand.statements("UPDATE")) == ([10], [10])


@pytest.mark.usefixtures("finishing_together")
def test_a_hundred_new_messages_cost_four_of_each(aws, table, log, clock):
    stand = Stand(
        aws,
        table,
        log,
        clock,
        batch_size=100,
        batch_window=timedelta(seconds=1),
        claim_check_over_bytes=32_768,
    )

    assert stand.receive(*names(100)) == {"BatchExecuteStatement": 8}
    assert (stand.statements("INSERT"), stand.statements("UPDATE")) == ([25] * 4, [25] * 4)


def test_a_hundred_that_are_taken_at_once_cost_no_more(aws, table, log, clock):
    stand = Stand(
        aws,
        table,
        log,
        clock,
        in_batches=True,
        batch_size=100,
        batch_window=timedelta(seconds=1),
        claim_check_over_bytes=32_768,
    )

    assert stand.receive(*names(100)) == {"BatchExecuteStatement": 8}
    assert (stand.statements("INSERT"), stand.statements("UPDATE")) == ([25] * 4, [25] * 4)


def test_what_finished_is_completed_while_its_neighbours_still_run(stand):
    completed = Event()

    def handle(message):
        assert message.idempotency_key == "m0" or completed.wait(PATIENCE_SECONDS)

    def see(operation, body):
        if body["Statements"][0]["Statement"].startswith("UPDATE"):
            completed.set()

    stand.outcome = handle
    stand.requests = Watched(see)
    stand.receive(*names(10))

    first, *others = stand.statements("UPDATE")
    assert (first, sum(others)) == (1, 9)


class Watched(list):
    """A list that shows what is appended to it."""

    def __init__(self, see):
        super().__init__()
        self._see = see

    def append(self, pair):
        super().append(pair)
        self._see(*pair)


def test_what_is_done_costs_no_call_of_sqs(stand):
    assert "DeleteMessageBatch" not in stand.receive(*names(10))


def test_a_duplicate_writes_nothing_more(stand):
    stand.receive("m0")
    before = stand.items

    assert stand.receive("m0") == {"BatchExecuteStatement": 1, "UpdateItem": 1}
    assert stand.items == before


def test_a_failure_costs_one_write_beyond_its_lease(stand):
    stand.outcome = raising(RuntimeError("no"))

    cost = stand.receive("m0")

    assert cost == {"BatchExecuteStatement": 1, "UpdateItem": 1, "ChangeMessageVisibilityBatch": 1}
    assert stand.statements("UPDATE") == []


def test_ten_failures_are_hidden_by_one_call_of_sqs(stand):
    stand.outcome = raising(RuntimeError("no"))

    cost = stand.receive(*names(10))

    assert cost == {"BatchExecuteStatement": 1, "UpdateItem": 10, "ChangeMessageVisibilityBatch": 1}


def test_a_retry_leases_with_one_refused_insert_and_one_update(stand, clock):
    stand.outcome = raising(RuntimeError("no"))
    stand.receive("m0")
    clock.advance(MINUTE)
    stand.outcome = None

    assert stand.receive("m0", count=2) == {"BatchExecuteStatement": 2, "UpdateItem": 1}
    assert (stand.statements("INSERT"), stand.statements("UPDATE")) == ([1], [1])


def test_a_retry_among_new_messages_costs_them_nothing(stand, clock):
    stand.outcome = raising(RuntimeError("no"))
    stand.receive("m0")
    clock.advance(MINUTE)
    stand.outcome = None

    stand.receive(*names(10))

    assert stand.statements("INSERT") == [10]
    assert Counter(operation for operation, _ in stand.requests)["UpdateItem"] == 1


def test_a_dead_letter_costs_two_writes_beyond_its_lease_its_body_and_its_end(stand):
    stand.outcome = raising(Reject("no such customer"))

    assert stand.receive("m0") == {"BatchExecuteStatement": 1, "PutItem": 1, "UpdateItem": 1}


def test_a_long_wait_costs_two_writes_and_no_call_of_sqs(aws, table, log, clock):
    stand = Stand(aws, table, log, clock, retry=RetryPolicy(delays=(timedelta(minutes=30),)))
    stand.outcome = raising(Retry("busy"))

    assert stand.receive("m0") == {"BatchExecuteStatement": 1, "PutItem": 1, "UpdateItem": 1}


def test_in_order_each_message_costs_its_own_lease_and_completion(aws, table, log, clock):
    stand = Stand(aws, table, log, clock, fifo=True)

    assert stand.receive(*names(3)) == {"BatchExecuteStatement": 6}
