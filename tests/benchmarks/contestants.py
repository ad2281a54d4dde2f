"""The two set-ups that are compared: a consumer of ours, and what a team writes with plain Powertools."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)

from headworks import clients, wiring
from headworks.clock import SystemClock
from headworks.consumer import Consumer
from headworks.message import encode, new_message
from headworks.queue import MAX_BATCH_WITHOUT_WINDOW, Queue
from headworks.settings import CLAIM_CHECK_BUCKET, LEDGER_TABLE, Settings
from headworks.testing.events import sqs_event, sqs_record

if TYPE_CHECKING:
    from collections.abc import Callable

    from headworks.message import Message

_numbers = count()


@dataclass(frozen=True)
class Order:
    """The payload of both."""

    id: str
    customer: str
    total: int


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """A Lambda handler, how its batches are made, and the client that its DynamoDB calls go through."""

    name: str
    records: int
    handler: Callable[[Any, Any], Any]
    body: Callable[[str], str]
    dynamodb: Any

    def batch(self) -> dict[str, Any]:
        """A batch of orders that nobody has seen before."""
        bodies = [self.body(_an_order()) for _ in range(self.records)]
        return sqs_event(*(sqs_record(body, message_id=f"m{n}") for n, body in enumerate(bodies)))


def ours(records: int) -> Contestant:
    """A consumer as it is deployed: ledger, transport, log lines and metrics."""
    queue = _queue(records)
    [consumer] = queue.consumers
    environment = {
        queue.url_variable(consumer): "http://queue",
        queue.dead_letter_url_variable(consumer): "http://dead-letter-queue",
        LEDGER_TABLE: "ledger",
        CLAIM_CHECK_BUCKET: "bodies",
    }
    parts = wiring.consumer_parts(queue, consumer, Settings(environment))
    clock = SystemClock()
    return Contestant(
        name="headworks",
        records=records,
        handler=Consumer(queue, _do_nothing, parts=parts),
        body=lambda data: encode(new_message(data.encode(), source="shop", type="order.placed", clock=clock)),
        dynamodb=clients.dynamodb(),
    )


def plain(records: int) -> Contestant:
    """Powertools by its own documentation: partial responses, and an idempotent function for each record."""
    layer = DynamoDBPersistenceLayer(table_name="idempotency")
    config = IdempotencyConfig(event_key_jmespath="id")
    processor = BatchProcessor(event_type=EventType.SQS)

    @idempotent_function(data_keyword_argument="order", config=config, persistence_store=layer)
    def handle(order: dict[str, Any]) -> None:
        """Nothing, like ours."""

    def handle_record(record: Any) -> None:
        handle(order=json.loads(record.body))

    def handler(event: Any, context: Any) -> Any:
        config.register_lambda_context(context)
        return process_partial_response(
            event=event, record_handler=handle_record, processor=processor, context=context
        )

    return Contestant(
        name="plain Powertools", records=records, handler=handler, body=str, dynamodb=layer.client
    )


def _do_nothing(message: Message[Order]) -> None:
    """The handler."""


def _queue(records: int) -> Queue:
    """A queue with batches of that size and nothing else that a user wouldn't have to say."""
    if records <= MAX_BATCH_WITHOUT_WINDOW:
        return Queue(name=f"orders-{records}", payload=Order, consumers=("fulfil_order",), batch_size=records)
    return Queue(
        name=f"orders-{records}",
        payload=Order,
        consumers=("fulfil_order",),
        batch_size=records,
        batch_window=timedelta(seconds=1),
        claim_check_over_bytes=32 * 1024,
    )


def _an_order() -> str:
    return json.dumps({"id": f"order-{next(_numbers)}", "customer": "ada", "total": 4200})
