"""Partial batches: what plain Powertools does to a queue, and what a consumer here does instead."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from aws_lambda_powertools.utilities.batch import (
    AsyncBatchProcessor,
    BatchProcessor,
    EventType,
    SqsFifoPartialProcessor,
    async_process_partial_response,
    process_partial_response,
)
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError, UnexpectedBatchTypeError

from headworks.testing.events import FakeContext, sqs_event
from tests.powertools.conftest import an_order, failed

PATIENCE_SECONDS = 30


def process_plainly(processor, handle, *records):
    return failed(
        process_partial_response(
            event=sqs_event(*records), record_handler=handle, processor=processor, context=FakeContext()
        )
    )


class Customers:
    """Handlers of both kinds: they fail for one customer, and remember whom they served."""

    def __init__(self, failing):
        self.served = []
        self._failing = failing

    def handle_record(self, record):
        self._serve(record.attributes.message_group_id)

    def handle(self, message):
        self._serve(message.ordering_key)

    def _serve(self, customer):
        if customer == self._failing:
            raise RuntimeError("no")
        self.served.append(customer)


# A FIFO batch of one message that fails.


def test_plain_one_failing_fifo_message_fails_the_invocation():
    customers = Customers(failing="ada")

    with pytest.raises(BatchProcessingError, match="RuntimeError: no"):
        process_plainly(SqsFifoPartialProcessor(), customers.handle_record, an_order("m1", "ada"))


def test_ours_one_failing_fifo_message_is_a_response(ours):
    customers = Customers(failing="ada")

    assert ours.receive(customers.handle, "m1", customers=["ada"], fifo=True) == ["m1"]


# A batch in which everything fails.


def test_plain_a_batch_that_failed_whole_fails_the_invocation():
    customers = Customers(failing=None)

    with pytest.raises(BatchProcessingError, match="RuntimeError: no"):
        process_plainly(
            BatchProcessor(EventType.SQS), customers.handle_record, an_order("m1"), an_order("m2")
        )


def test_ours_a_batch_that_failed_whole_is_a_response(ours):
    assert ours.receive(Customers(failing=None).handle, "m1", "m2") == ["m1", "m2"]


# FIFO: one customer's failure, and the others.


def test_plain_one_failing_customer_holds_up_all_that_come_behind():
    customers = Customers(failing="ada")

    names = process_plainly(
        SqsFifoPartialProcessor(),
        customers.handle_record,
        an_order("m1", "carl"),
        an_order("m2", "ada"),
        an_order("m3", "bob"),
    )

    assert (names, customers.served) == (["m2", "m3"], ["carl"])


def test_ours_one_failing_customer_holds_up_nobody_else(ours):
    customers = Customers(failing="ada")

    names = ours.receive(
        customers.handle, "m1", "m2", "m3", customers=["carl", "ada", "bob"], fifo=True, concurrency=1
    )

    assert (names, customers.served) == (["m2"], ["carl", "bob"])


# No records.


def test_plain_an_empty_batch_is_an_error():
    with pytest.raises(UnexpectedBatchTypeError):
        process_plainly(BatchProcessor(EventType.SQS), Customers(failing=None).handle_record)


def test_ours_an_empty_batch_is_nothing_to_do(ours):
    assert ours.receive(Customers(failing=None).handle) == []


# `async def` handlers.


class Crowd:
    """Async handlers that go on when `size` of them are at work, and how many ever were."""

    def __init__(self, size):
        self.most = 0
        self._at_work = 0
        self._size = size
        self._complete = asyncio.Event()

    async def join(self, record):
        self._at_work += 1
        self.most = max(self.most, self._at_work)
        if self._at_work == self._size:
            self._complete.set()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._complete.wait()
        # Whoever was let in beside them gets a chance to show up.
        await asyncio.sleep(0)
        self._at_work -= 1


def test_plain_async_handlers_run_all_at_once():
    crowd = Crowd(size=5)

    async_process_partial_response(
        event=sqs_event(*(an_order(f"m{n}") for n in range(100))),
        record_handler=crowd.join,
        processor=AsyncBatchProcessor(EventType.SQS),
        context=FakeContext(),
    )

    assert crowd.most == 100


def test_ours_async_handlers_run_as_many_at_once_as_are_declared(ours):
    crowd = Crowd(size=5)

    ours.receive(
        crowd.join,
        *(f"m{n}" for n in range(100)),
        concurrency=5,
        batch_size=100,
        batch_window=timedelta(seconds=1),
        claim_check_over_bytes=32 * 1024,
    )

    assert crowd.most == 5
