"""Orders, what they are made into, and the tables that keep it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from headworks import Context, Message
from headworks.message import encode
from headworks.testing.clock import NEW_YEAR
from headworks.testing.events import sqs_record
from pipeline.payloads import LineItem, Money, Order, OrderEvent
from pipeline.queues import ORDERS
from tests.support.declarations import a_message
from tests.support.http_events import SAMPLES, sample

if TYPE_CHECKING:
    from headworks.queue import Queue

EUROS = Money(amount=4200, currency="eur")


def an_order(order_id: str = "o1", **fields: Any) -> Order:
    """An order over 42 euros; its payment intent is named like itself, unless a test says otherwise."""
    defaults: dict[str, Any] = {
        "id": order_id,
        "customer": "ada",
        "items": (LineItem(sku="mug", quantity=2),),
        "total": EUROS,
        "payment_intent": f"pi_{order_id}",
    }
    return Order(**{**defaults, **fields})


def a_message_of(data: Order | OrderEvent, **fields: Any) -> Message[Any]:
    """A message around a payload, as a handler gets it."""
    defaults: dict[str, Any] = {
        "id": "msg_1",
        "source": "/orders",
        "type": "order.submitted",
        "data": data,
        "time": NEW_YEAR,
        "idempotency_key": "k",
    }
    return Message(**{**defaults, **fields})


def a_record(order: Order, *, count: int = 1) -> dict[str, Any]:
    """An order as SQS hands it to the consumer of `orders`: the record is named like the order."""
    message = a_message(
        msgspec.json.encode(order),
        idempotency_key=order.id,
        ordering_key=order.customer,
        type="order.submitted",
    )
    return sqs_record(
        encode(message), message_id=order.id, receive_count=count, MessageGroupId=order.customer
    )


def a_context(attempt: int = 1, queue: Queue = ORDERS) -> Context:
    """The attempt that a handler is."""
    return Context(
        queue=queue.name,
        consumer=queue.consumers[0],
        message_id="msg_1",
        idempotency_key="k",
        attempt=attempt,
        max_attempts=queue.retry.max_attempts,
        remaining_time=lambda: timedelta(minutes=1),
    )


def make_table(dynamodb: Any, name: str) -> str:
    """A table keyed by `id`, as the deployment makes a pipeline's own; answers its name."""
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return name


def items_of(dynamodb: Any, table: str) -> dict[str, dict[str, str]]:
    """What a table holds, by id; numbers as text."""
    return {
        item["id"]["S"]: {name: str(*value.values()) for name, value in item.items() if name != "id"}
        for item in dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]
    }


def samples_of(function: str) -> list[str]:
    """The names of a function's sample invocations."""
    return sorted(path.name for path in (SAMPLES / function).glob("*.json"))


def bodies_of(function: str, name: str) -> list[dict[str, Any]]:
    """The messages in a sample batch."""
    return [json.loads(record["body"]) for record in sample(f"{function}/{name}")["Records"]]
