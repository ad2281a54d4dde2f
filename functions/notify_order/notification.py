"""Telling a customer what became of an order."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

    from headworks import Message
    from pipeline.payloads import OrderEvent


def notify(message: Message[OrderEvent], *, logger: Logger) -> None:
    """Say it in the log, for now: ids only, nothing about the customer."""
    event = message.data
    logger.info(
        "the order %s was %s",
        event.order.id,
        f"{event.status}: {event.reason}" if event.reason else event.status,
        extra={
            "event_type": event.type,
            "order_id": event.order.id,
            "message_id": message.id,
            "traceparent": message.traceparent,
        },
    )
