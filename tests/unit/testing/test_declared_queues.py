"""Queues and mappings from a declaration, and Headworks' own consumer on them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headworks.brokers.sqs import SqsBroker
from headworks.consumer import Consumer
from headworks.errors import Reject
from headworks.ledger.memory import MemoryLedger
from headworks.queue import Queue
from headworks.retry import RetryPolicy
from headworks.testing import SimulatedAws
from headworks.testing.clock import NEW_YEAR
from headworks.testing.log import RecordingLog
from headworks.wiring import ConsumerParts
from tests.support.declarations import SECOND, a_message, a_queue


@pytest.fixture
def aws():
    with SimulatedAws() as world:
        yield world


class Pipeline:
    """A declared queue, its consumer, and what it ran when."""

    def __init__(self, aws, declaration, handle):
        self.aws = aws
        self.queue = aws.queue_for(declaration)
        self.runs = []
        log = RecordingLog()
        self.broker = SqsBroker(
            declaration,
            aws.client,
            url=self.queue.url,
            dead_letter_url=self.queue.dead_letter_queue.url,
            log=log,
        )
        parts = ConsumerParts(
            broker=self.broker, ledger=MemoryLedger(aws.clock), log=log, counts=lambda *_: None
        )

        def run(message, context):
            self.runs.append((message.idempotency_key, (aws.clock.now() - NEW_YEAR).total_seconds()))
            handle(message, context)

        aws.map_for(declaration, Consumer(declaration, run, parts=parts, clock=aws.clock))

    def send(self, *keys, **fields):
        self.broker.send([a_message(idempotency_key=key, **fields) for key in keys])


def test_a_queue_is_provisioned_as_it_is_declared(aws):
    declaration = a_queue(timeout=20 * SECOND)

    queue = aws.queue_for(declaration)

    assert queue.settings.visibility_timeout == declaration.visibility_timeout
    assert queue.settings.retention == declaration.retention
    assert queue.settings.redrive.max_receive_count == declaration.receive_limit
    assert queue.dead_letter_queue.settings.retention == declaration.dead_letter_retention


def test_a_fifo_declaration_deduplicates_by_group_as_deployed(aws):
    queue = aws.queue_for(a_queue(fifo=True))

    assert queue.name == "orders.fifo"
    assert queue.settings.is_fifo
    assert queue.settings.deduplicates_by_group
    assert queue.dead_letter_queue.settings.is_fifo


def test_a_mapping_is_made_as_it_is_declared(aws):
    declaration = a_queue(batch_size=20, batch_window=5 * SECOND, max_concurrency=7, timeout=20 * SECOND)
    aws.queue_for(declaration)

    mapping = aws.map_for(declaration, lambda *_: None)

    assert mapping.settings.batch_size == 20
    assert mapping.settings.batch_window == 5 * SECOND
    assert mapping.settings.maximum_concurrency == 7
    assert mapping.settings.report_batch_item_failures
    assert (mapping.function.name, mapping.function.timeout) == ("fulfil_order", declaration.function_timeout)


def test_retries_follow_the_policy_to_the_second(aws):
    def handle(_message, context):
        if context.attempt < 3:
            raise RuntimeError("not yet")

    declaration = a_queue(retry=RetryPolicy(delays=(SECOND, 30 * SECOND), jitter=0))
    pipeline = Pipeline(aws, declaration, handle)
    pipeline.send("m")
    aws.run_until_idle()

    assert pipeline.runs == [("m", 0), ("m", 1), ("m", 31)]
    assert pipeline.queue.messages == []


def test_a_rejected_message_is_run_once_and_let_go_of(aws):
    def handle(_message, _context):
        raise Reject("never")

    pipeline = Pipeline(aws, a_queue(), handle)
    pipeline.send("m")

    assert aws.run_until_idle() == timedelta(0)
    assert pipeline.runs == [("m", 0)]
    assert pipeline.queue.messages == []


def test_a_failing_neighbour_costs_the_others_nothing(aws):
    def handle(message, _context):
        if message.idempotency_key == "bad":
            raise RuntimeError("no")

    pipeline = Pipeline(aws, a_queue(retry=RetryPolicy(delays=(SECOND,), jitter=0)), handle)
    pipeline.send("a", "bad", "b")
    aws.run_until_idle()

    assert sorted(pipeline.runs) == [("a", 0), ("b", 0), ("bad", 0), ("bad", 1)]
    assert pipeline.queue.messages == []


def test_in_a_batch_of_one_customer_that_always_fails_each_message_has_all_its_attempts_in_order(aws):
    def handle(_message, _context):
        raise RuntimeError("no")

    pipeline = Pipeline(aws, a_queue(fifo=True, retry=RetryPolicy(attempts=5, jitter=0)), handle)
    names = [f"m{n}" for n in range(10)]
    pipeline.send(*names, ordering_key="ada")
    aws.run_until_idle()

    assert [name for name, _ in pipeline.runs] == [name for name in names for _ in range(5)]
    assert pipeline.queue.messages == pipeline.queue.dead_letters == []


def test_each_of_several_consumers_has_a_queue_of_its_own(aws):
    declaration = a_queue(fifo=True, consumers=("update_stock", "notify_buyer"))
    taken = []

    for consumer in declaration.consumers:
        queue = aws.queue_for(declaration, consumer=consumer)
        aws.map_for(declaration, lambda _, context: taken.append(context.function_name), consumer=consumer)
        queue.send("a", group="g", deduplication_id="a")
    aws.run_until_idle()

    assert sorted(aws.queues) == [
        "orders-notify_buyer-dead-letters.fifo",
        "orders-notify_buyer.fifo",
        "orders-update_stock-dead-letters.fifo",
        "orders-update_stock.fifo",
    ]
    assert sorted(taken) == ["notify_buyer", "update_stock"]


def test_a_declaration_says_whole_seconds_to_sqs(aws):
    with pytest.raises(ValueError, match="whole seconds"):
        aws.queue("q", visibility_timeout=timedelta(milliseconds=1500))


def test_any_declaration_that_is_accepted_can_be_mapped(aws):
    declaration = Queue(name="all", payload=bytes, consumers=("take_all",), timeout=timedelta(minutes=10))
    aws.queue_for(declaration)

    aws.map_for(declaration, lambda *_: None)
