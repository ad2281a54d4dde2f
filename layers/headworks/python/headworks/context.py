"""What a handler may ask about the attempt it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """This attempt: given to a handler that takes a second parameter.

    `attempt` counts from 1 up to `max_attempts`.  `remaining_time()` is what the handler
    may still use.  `idempotency_key` is the same on every attempt: pass it on to whatever
    the effect calls.
    """

    queue: str
    consumer: str
    message_id: str
    idempotency_key: str
    attempt: int
    max_attempts: int
    remaining_time: Callable[[], timedelta]
