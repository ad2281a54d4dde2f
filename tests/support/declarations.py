"""Declarations that tests share."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from headworks.message import new_message
from headworks.queue import Queue
from headworks.retry import RetryPolicy
from headworks.testing.clock import MovingClock

SECOND = timedelta(seconds=1)


def a_queue(**fields: Any) -> Queue:
    """A queue of anything, tried three times."""
    defaults: dict[str, Any] = {
        "name": "orders",
        "payload": Any,
        "consumers": ("fulfil_order",),
        "retry": RetryPolicy(delays=(SECOND, 5 * SECOND)),
    }
    return Queue(**{**defaults, **fields})


def a_message(data: bytes = b"{}", **fields: Any) -> Any:
    """A message, with whatever a test wants to tell of it."""
    defaults: dict[str, Any] = {"source": "shop", "type": "order.placed", "clock": MovingClock()}
    return new_message(data, **{**defaults, **fields})
