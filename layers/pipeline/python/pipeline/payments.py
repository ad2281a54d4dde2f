"""What is known of a payment: the item that two functions share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from pipeline.payloads import Status

if TYPE_CHECKING:
    from collections.abc import Mapping


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """An item of the table `payments`, by payment intent (`id`).

    `paid` (`4200 eur`, as `Money` writes itself) is there once Stripe has confirmed it; with
    it come `event_id` (Stripe's) and `confirmed_at` (ISO 8601).  `order_id` and
    `order_status` are there once an order was decided that names it: the payment belongs
    to that order for good, and is to be given back where it was refused.
    """

    paid: str | None = None
    order_id: str | None = None
    order_status: Status | None = None

    @classmethod
    def of(cls, item: Mapping[str, Any]) -> Payment:
        """The payment in an item, or what an empty one says: nothing is known yet."""
        return msgspec.convert(
            {name: value["S"] for name, value in item.items() if name in cls.__struct_fields__}, cls
        )

    @property
    def is_to_be_given_back(self) -> bool:
        """Whether it is money for an order that was refused."""
        return self.paid is not None and self.order_status is Status.REFUSED
