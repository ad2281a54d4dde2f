"""Putting a kept message back for one consumer: replays, and waits that were spent elsewhere."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from headworks.brokers.redis.operation import Call
from headworks.brokers.redis.past import NO_PAST
from headworks.brokers.redis.scripts import standard_scripts

if TYPE_CHECKING:
    from headworks.brokers.redis.keys import ConsumerKeys
    from headworks.brokers.redis.operation import Operation
    from headworks.brokers.redis.past import Past
    from headworks.brokers.redis.scripts import Scripts


def put_back(
    keys: ConsumerKeys,
    message_id: str,
    body: str | bytes,
    *,
    delay: timedelta,
    ordering_key: str | None = None,
    past: Past = NO_PAST,
    scripts: Scripts | None = None,
) -> Operation[None]:
    """Have this consumer get the message again, unless it has finished a copy of it by then.

    `ordering_key` on FIFO alone: there it queues up behind what is in line.  Putting it back
    twice is harmless: the second copy finds the mark of the first, or comes after it.
    """
    fields: list[str | bytes] = ["i", message_id, "m", body]
    if ordering_key is not None:
        fields += ("k", ordering_key)
    if state := past.encoded():
        fields += ("s", state)
    places = keys.places if ordering_key is None else (*keys.places, keys.parked(ordering_key))
    milliseconds = -(-delay // timedelta(milliseconds=1))
    yield Call(
        script=(scripts or standard_scripts())["put_back"],
        keys=places,
        arguments=[milliseconds, message_id, ordering_key or "", *fields, "r", "1"],
    )
