"""What this pipeline's messages carry."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import msgspec

# A transaction of DynamoDB writes a hundred items; one of them says that the order was applied.
MOST_ITEMS = 99
MOST_PIECES = 1_000_000
MOST_MONEY = 10**12

Name = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@+/-]{0,127}\Z")]
# ISO 4217 in lower case, as Stripe writes it.
Currency = Annotated[str, msgspec.Meta(pattern=r"^[a-z]{3}\Z")]


class WebhookDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook on its way to a subscriber: the body is kept byte for byte."""

    endpoint: str
    body: bytes
    method: str = "POST"
    headers: dict[str, str] = {}


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """An amount in the currency's smallest unit: 4200 of `eur` are 42 euros."""

    amount: Annotated[int, msgspec.Meta(ge=1, le=MOST_MONEY)]
    currency: Currency

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"


class LineItem(msgspec.Struct, frozen=True, kw_only=True):
    """So many pieces of one article."""

    sku: Name
    quantity: Annotated[int, msgspec.Meta(ge=1, le=MOST_PIECES)]


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer wants, and the payment that is to pay for it.

    `id` is the shop's own and stands for this order for good: sent again, it is the same order.
    """

    id: Name
    customer: Name
    items: Annotated[tuple[LineItem, ...], msgspec.Meta(min_length=1, max_length=MOST_ITEMS)]
    total: Money
    payment_intent: Name


class Status(StrEnum):
    """What became of an order."""

    PLACED = "placed"
    REFUSED = "refused"


class Refusal(StrEnum):
    """Why an order was refused."""

    UNPAID = "unpaid"
    """Its payment wasn't confirmed in time."""
    WRONG_AMOUNT = "wrong_amount"
    """What was paid isn't the order's total."""
    PAYMENT_TAKEN = "payment_taken"
    """The payment belongs to another order."""


class OrderEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of an order: decided once, and told to everybody who wants to know."""

    status: Status
    order: Order
    reason: Refusal | None = None

    @classmethod
    def of(cls, order: Order, refusal: Refusal | None) -> OrderEvent:
        """The order placed, or refused for a reason."""
        return cls(status=Status.PLACED if refusal is None else Status.REFUSED, order=order, reason=refusal)

    @property
    def type(self) -> str:
        """The type of its message: `order.placed` or `order.refused`."""
        return f"order.{self.status}"


class PaymentIntent(msgspec.Struct, frozen=True, kw_only=True):
    """Stripe's word on a payment (docs.stripe.com/api/payment_intents/object), as far as it matters here."""

    id: Name
    status: str
    amount_received: Annotated[int, msgspec.Meta(ge=0, le=MOST_MONEY)]
    currency: Currency


class PaymentData(msgspec.Struct, frozen=True, kw_only=True):
    """Where Stripe's events keep what they are about."""

    object: PaymentIntent


class PaymentEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event of Stripe about a payment intent (docs.stripe.com/api/events/object)."""

    id: str
    type: str
    data: PaymentData
