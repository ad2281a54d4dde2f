"""Three thousand of ten thousand dead letters are put back by a process that is killed half-way, on the emulator."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread
from uuid import uuid4

import pytest

from headworks.brokers.sqs import SqsBroker
from headworks.clock import SystemClock
from headworks.consumer import Consumer
from headworks.ledger import layout
from headworks.ledger.catalogue import Filter
from headworks.ledger.dynamodb import DynamoDBLedger
from headworks.ledger.dynamodb_catalogue import DynamoDBCatalogue
from headworks.ledger.dynamodb_dead_letters import DynamoDBDeadLetters
from headworks.ledger.ledger import State
from headworks.message import encode, new_message
from headworks.operations.dynamodb_replay_store import DynamoDBReplayStore
from headworks.operations.replaying import ReplayParts, StoredReplays
from headworks.operations.replays import ReplayRequest, Selection, Standing
from headworks.testing.clock import MovingClock
from headworks.testing.events import FakeContext, sqs_event, sqs_record
from headworks.testing.log import RecordingLog
from headworks.topology import Topology
from headworks.wiring import ConsumerParts
from infra.local.aws import clients_of
from tests.conftest import LEDGER_TABLE
from tests.support.declarations import a_queue
from tests.support.long_list import FULFIL, MANY, died, put
from tests.support.patience import until

pytestmark = pytest.mark.e2e

CHOSEN, RATE = 3000, 500
QUEUE = a_queue(concurrency=10, batch_size=10)
REQUEST = ReplayRequest(
    id="rpl_" + "0" * 32,
    queue=QUEUE.name,
    selection=Selection(only=Filter(until=died(CHOSEN))),
    by="ops",
    rate=RATE,
)
CONSUMERS = 2
PATIENCE_SECONDS = 120


def who_replays(endpoint: str, table: str, url: str) -> StoredReplays:
    aws = clients_of(endpoint)
    log, clock = RecordingLog(), SystemClock()
    return StoredReplays(
        ReplayParts(
            topology=Topology(queues=(QUEUE,)),
            catalogue=DynamoDBCatalogue(aws("dynamodb"), table=table, clock=clock),
            dead_letters=lambda address: DynamoDBDeadLetters(
                QUEUE, address.consumer, aws("dynamodb"), table=table, clock=clock
            ),
            broker=lambda _: SqsBroker(QUEUE, aws("sqs"), url=url, dead_letter_url=url, log=log),
            claim_check=lambda _: None,
            store=DynamoDBReplayStore(aws("dynamodb"), table=table),
            clock=clock,
            log=log,
            pause=time.sleep,
        )
    )


def work(endpoint: str, table: str, url: str) -> None:
    who_replays(endpoint, table, url).work(REQUEST.id, remaining=lambda: timedelta(minutes=5))


class Stand:
    """Ten thousand dead letters, their queue, and how often each message ran."""

    def __init__(self, aws):
        self.endpoint = aws("dynamodb").meta.endpoint_url
        self.aws, self.table = aws, f"ledger-{uuid4().hex}"
        self.client = aws("dynamodb")
        self.client.create_table(TableName=self.table, **LEDGER_TABLE)
        self.url = aws("sqs").create_queue(QueueName=f"orders-{uuid4().hex}")["QueueUrl"]
        self.runs: Counter[str] = Counter()
        self.series: set[int] = set()
        put(self.client, self.table, body_of)
        self.catalogue = DynamoDBCatalogue(self.client, table=self.table)
        self.replays = who_replays(self.endpoint, self.table, self.url)

    def count(self, state):
        return self.catalogue.count(state, [FULFIL], most=100_000).number

    @contextmanager
    def a_process_at_work(self):
        """Somebody at work who will be killed."""
        process = multiprocessing.get_context("spawn").Process(
            target=work, args=(self.endpoint, self.table, self.url)
        )
        process.start()
        try:
            yield process
        finally:
            process.kill()
            process.join()

    @contextmanager
    def consumers_at_work(self):
        over = Event()
        threads = [Thread(target=self._consume, args=(over,)) for _ in range(CONSUMERS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join()

    def _consume(self, over):
        sqs, log = self.aws("sqs"), RecordingLog()
        consumer = Consumer(
            QUEUE,
            self._run,
            parts=ConsumerParts(
                broker=SqsBroker(QUEUE, sqs, url=self.url, dead_letter_url=self.url, log=log),
                ledger=DynamoDBLedger(QUEUE, FULFIL.consumer, self.aws("dynamodb"), table=self.table),
                log=log,
                counts=lambda _outcomes, _durations: None,
            ),
        )
        while not over.is_set():
            messages = sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10).get("Messages", [])
            if not messages:
                over.wait(0.1)
                continue
            records = [sqs_record(each["Body"], message_id=each["MessageId"]) for each in messages]
            answer = consumer(sqs_event(*records), FakeContext())
            failed = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
            done = [each["ReceiptHandle"] for each in messages if each["MessageId"] not in failed]
            if done:
                entries = [{"Id": str(n), "ReceiptHandle": receipt} for n, receipt in enumerate(done)]
                sqs.delete_message_batch(QueueUrl=self.url, Entries=entries)

    def _run(self, message, context):
        self.runs[message.idempotency_key] += 1
        self.series.add(context.attempt)

    def let_a_minute_pass_for_the_dead(self):
        """The lease of whoever was killed is over."""
        self.client.update_item(
            TableName=self.table,
            Key={"id": {"S": f"replay#{REQUEST.id}"}},
            UpdateExpression="SET worker_until = :now",
            ExpressionAttributeValues={":now": layout.milliseconds(SystemClock().now())},
        )


def body_of(n: int) -> str:
    message = new_message(
        b'{"x": "' + b"x" * 2000 + b'"}',
        source="shop",
        type="order.placed",
        clock=MovingClock(),
        idempotency_key=f"k{n}",
    )
    return encode(message)


def test_each_runs_once_and_the_others_stay_where_they_are(emulator_clients, record_property):
    stand = Stand(emulator_clients)
    stand.replays.start(REQUEST)
    with stand.consumers_at_work():
        with stand.a_process_at_work() as process:
            until(
                lambda: stand.replays.find(REQUEST.id).sent >= CHOSEN // 2,
                what="half of it is sent",
                seconds=PATIENCE_SECONDS,
            )
            process.kill()
            process.join()
        half_way = stand.replays.find(REQUEST.id)
        began = time.monotonic()
        stand.let_a_minute_pass_for_the_dead()
        other = who_replays(stand.endpoint, stand.table, stand.url)
        replay = other.work(REQUEST.id, remaining=lambda: timedelta(minutes=5))
        took = time.monotonic() - began
        until(
            lambda: len(stand.runs) >= CHOSEN and stand.count(State.RETRYING) == 0,
            what="all have run",
            seconds=PATIENCE_SECONDS,
        )

    assert half_way.standing is Standing.RUNNING
    assert half_way.sent < CHOSEN
    assert (replay.standing, replay.sent, replay.failed_again) == (Standing.FINISHED, CHOSEN, 0)
    assert set(stand.runs) == {f"k{n}" for n in range(CHOSEN)}
    assert set(stand.runs.values()) == {1}
    assert stand.series == {1}
    assert stand.count(State.DEAD) == MANY - CHOSEN
    record_property("chaos replayed_a_second_after_the_kill", round((CHOSEN - half_way.sent) / took))
