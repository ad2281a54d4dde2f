"""Confirming a payment: Stripe says that an intent succeeded, and how much it brought."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headworks import Reject
from headworks.errors import excerpt
from pipeline.payloads import Money, PaymentEvent
from pipeline.sources import PAYMENT_SUCCEEDED, STRIPE

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger

    from confirm_payment.payments import Payments
    from headworks import Message

SUCCEEDED = "succeeded"


def confirm(message: Message[PaymentEvent], *, payments: Payments, logger: Logger) -> None:
    """Write down that an intent is paid; said again, it changes nothing.

    A payment that comes after its order was refused is warned of: it is to be given back.
    Raises `Reject` for whatever isn't Stripe's word on a payment that succeeded.
    """
    event, intent = message.data, message.data.data.object
    if message.source != STRIPE.name:
        raise Reject(f"only verified events of {STRIPE.name} confirm payments, not {excerpt(message.source)}")
    if event.type != PAYMENT_SUCCEEDED or intent.status != SUCCEEDED or not intent.amount_received:
        raise Reject(
            f"{excerpt(event.type)} with {intent.amount_received} received and the status "
            f"{excerpt(intent.status)} confirms no payment"
        )
    paid = Money(amount=intent.amount_received, currency=intent.currency)
    known = payments.confirm(intent.id, paid, event_id=event.id, at=message.time)
    if known.paid != str(paid):
        raise Reject(f"the payment {intent.id} is known with {known.paid}, and now it should be {paid}")
    if known.is_to_be_given_back:
        logger.warning(
            "the payment %s of %s came after the order %s was refused: give it back",
            intent.id,
            paid,
            known.order_id,
            extra={
                "payment_intent": intent.id,
                "order_id": known.order_id,
                "message_id": message.id,
                "traceparent": message.traceparent,
            },
        )
