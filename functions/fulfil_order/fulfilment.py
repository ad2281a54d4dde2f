"""Fulfilling an order: placed if its payment pays for it, refused if not; decided once, then told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headworks import Reject, Retry
from headworks.producer import Outgoing
from pipeline.payloads import Order, OrderEvent, Refusal

if TYPE_CHECKING:
    from fulfil_order.orders import Orders
    from headworks import Context, Message
    from headworks.producer import Producer
    from pipeline.payments import Payment

SOURCE = "/fulfilment"


def fulfil(message: Message[Order], context: Context, *, orders: Orders, events: Producer) -> None:
    """Decide an order, write that down, then tell it; a run after a crash tells what was decided.

    Raises `Retry` while its payment may still be confirmed; at the last attempt, and at any
    that follows a crash of that, the order is refused.  Raises `Reject` for another order
    under a known id.
    """
    order = message.data
    decided = orders.find(order.id)
    # Whoever gets in between has decided the order, confirmed its payment or taken that: each happens once.
    while decided is None:
        payment = orders.payment_of(order)
        refusal = judge(order, payment)
        if refusal is Refusal.UNPAID and context.attempt < context.max_attempts:
            raise Retry(f"the payment {order.payment_intent} isn't confirmed yet")
        event = OrderEvent.of(order, refusal)
        decided = event if orders.decide(event, payment, ordered_at=message.time) else orders.find(order.id)
    if decided.order != order:
        raise Reject(f"the order {order.id} is known already, and it is another one")
    events.send(_outgoing(decided, message))


def judge(order: Order, payment: Payment) -> Refusal | None:
    """What is in the way of placing an order, if anything."""
    if payment.order_id is not None:
        return Refusal.PAYMENT_TAKEN
    if payment.paid is None:
        return Refusal.UNPAID
    return None if payment.paid == str(order.total) else Refusal.WRONG_AMOUNT


def _outgoing(event: OrderEvent, message: Message[Order]) -> Outgoing:
    return Outgoing(
        data=event,
        type=event.type,
        source=SOURCE,
        subject=event.order.id,
        idempotency_key=f"{event.order.id}/{event.status}",
        ordering_key=event.order.customer,
        traceparent=message.traceparent,
    )
