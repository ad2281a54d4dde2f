"""Taking back what waits for its delay."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from headworks.brokers.redis.operation import Call
from headworks.brokers.redis.scripts import standard_scripts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headworks.brokers.redis.keys import Keys
    from headworks.brokers.redis.operation import Operation
    from headworks.brokers.redis.scripts import Scripts

# As long as somebody whose answer was lost may ask again, and hear that it was taken back.
REMEMBERED = timedelta(minutes=5)


def cancel(
    keys: Keys, consumers: Sequence[str], key: str, *, scripts: Scripts | None = None
) -> Operation[bool]:
    """Have a delayed message run nowhere where it still waits for its delay, and free its key.

    False where it waits at no consumer: it is ready, or was, or nothing was accepted under the key.
    """
    of = [keys.of(consumer) for consumer in consumers]
    answer = yield Call(
        script=(scripts or standard_scripts())["cancel"],
        keys=[
            keys.accepted_prefix + key,
            keys.cancelled_prefix + key,
            *(name for each in of for name in (each.due, each.held)),
        ],
        arguments=[uuid4().hex, REMEMBERED // timedelta(milliseconds=1)],
    )
    return bool(answer)
