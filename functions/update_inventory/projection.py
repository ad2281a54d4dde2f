"""What an order means for the stock."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pipeline.payloads import Order, OrderEvent, Status

if TYPE_CHECKING:
    from headworks import Message
    from update_inventory.inventory import Inventory


def project(message: Message[OrderEvent], *, inventory: Inventory) -> None:
    """Take what was placed from the stock; a refused order changes nothing.

    The order is a fact by now, so nothing is refused here: an article that nobody stocked, or
    not enough of, has less than none available, and that is how somebody sees it.
    """
    event = message.data
    if event.status is Status.PLACED:
        inventory.take(event.order.id, pieces(event.order))


def pieces(order: Order) -> Counter[str]:
    """How many of each article: an order may name one more than once."""
    counts: Counter[str] = Counter()
    for item in order.items:
        counts[item.sku] += item.quantity
    return counts
