"""The tables of orders and of their payments: what became of each, decided once and in one write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from headworks.stores import asking, write_together
from pipeline.payloads import Order, OrderEvent, Refusal, Status
from pipeline.payments import Payment

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

_WHAT = "the table of orders or that of payments"


class Orders:
    """Decisions by order, and the payments that they take.

    Item of an order: `id`, `customer`, `status` (`placed` or `refused`), `reason` of a
    refusal, `ordered_at` (ISO 8601), `order` (its JSON).  A payment's is `Payment`.
    """

    def __init__(self, client: DynamoDBClient, *, orders: str, payments: str) -> None:
        self._client = client
        self._orders = orders
        self._payments = payments

    def find(self, order_id: str) -> OrderEvent | None:
        """What became of an order, if that is decided.  Raises `Unavailable`."""
        item = self._item(self._orders, order_id)
        return _event(item) if item else None

    def payment_of(self, order: Order) -> Payment:
        """What is known of an order's payment.  Raises `Unavailable`."""
        return Payment.of(self._item(self._payments, order.payment_intent))

    def decide(self, event: OrderEvent, payment: Payment, *, ordered_at: datetime) -> bool:
        """Write down what became of an order, and that its payment belongs to it.

        False, and nothing is written, where the order was decided meanwhile or its payment isn't
        any more what it was.  A payment of another order stays that one's.  Raises `Unavailable`.
        """
        writes = [self._decision(event, ordered_at)]
        if payment.order_id is None:
            writes.append(self._taking(event, payment))
        return write_together(self._client, _WHAT, writes)

    def _item(self, table: str, item_id: str) -> Mapping[str, Any]:
        with asking(_WHAT):
            answer = self._client.get_item(TableName=table, Key={"id": {"S": item_id}}, ConsistentRead=True)
        return answer.get("Item", {})

    def _decision(self, event: OrderEvent, ordered_at: datetime) -> TransactWriteItemTypeDef:
        item = {
            "id": {"S": event.order.id},
            "customer": {"S": event.order.customer},
            "status": {"S": str(event.status)},
            "ordered_at": {"S": ordered_at.isoformat()},
            "order": {"S": msgspec.json.encode(event.order).decode()},
        }
        if event.reason is not None:
            item["reason"] = {"S": str(event.reason)}
        return {
            "Put": {
                "TableName": self._orders,
                "Item": item,
                "ConditionExpression": "attribute_not_exists(id)",
            }
        }

    def _taking(self, event: OrderEvent, payment: Payment) -> TransactWriteItemTypeDef:
        values = {":order": {"S": event.order.id}, ":status": {"S": str(event.status)}}
        unchanged = "attribute_not_exists(paid)"
        if payment.paid is not None:
            unchanged, values[":paid"] = "paid = :paid", {"S": payment.paid}
        return {
            "Update": {
                "TableName": self._payments,
                "Key": {"id": {"S": event.order.payment_intent}},
                "UpdateExpression": "SET order_id = :order, order_status = :status",
                "ConditionExpression": f"attribute_not_exists(order_id) AND {unchanged}",
                "ExpressionAttributeValues": values,
            }
        }


def _event(item: Mapping[str, Any]) -> OrderEvent:
    return OrderEvent(
        status=Status(item["status"]["S"]),
        order=msgspec.json.decode(item["order"]["S"], type=Order),
        reason=Refusal(item["reason"]["S"]) if "reason" in item else None,
    )
