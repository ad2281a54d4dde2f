"""Where one message is, by a few keyed reads: nothing is searched.

A stream isn't read by message ids, so of what is in it, or parked, nothing is known here.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from headworks.brokers.redis.operation import command
from headworks.brokers.redis.past import NO_PAST, Past, past_of

if TYPE_CHECKING:
    from headworks.brokers.redis.keys import ConsumerKeys, Keys
    from headworks.brokers.redis.operation import Operation


class AcceptedUnder(msgspec.Struct, frozen=True, kw_only=True):
    """The message that was accepted under a key, whose repeats are duplicates until its window ends."""

    message_id: str
    window_ends: datetime


class Whereabouts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a message at one consumer.

    `due` where it waits, with its body and its past, for its first attempt or for the next one.  `is_done`
    where it bears a mark: only what may have run twice does.
    """

    due: datetime | None = None
    body: bytes = b""
    is_retry: bool = False
    past: Past = NO_PAST
    is_done: bool = False


def accepted_under(keys: Keys, key: str) -> Operation[AcceptedUnder | None]:
    """Who was accepted under a key; none where nothing was, or its window has ended."""
    name = keys.accepted_prefix + key
    message_id = yield command("GET", name)
    if message_id is None:
        return None
    left = yield command("PTTL", name)
    ends = datetime.now(UTC) + timedelta(milliseconds=max(left, 0))
    return AcceptedUnder(message_id=message_id.decode(), window_ends=ends)


def whereabouts(keys: ConsumerKeys, message_id: str) -> Operation[Whereabouts]:
    """Whether a message waits here, and whether it is marked as done."""
    packed = yield command("HGET", keys.held, message_id)
    due = yield command("ZSCORE", keys.due, message_id)
    if packed is not None and due is not None:
        kind, _, fields = msgspec.msgpack.decode(packed, type=tuple[str, str, list[str]])
        named = dict(zip(fields[::2], fields[1::2], strict=True))
        return Whereabouts(
            due=datetime.fromtimestamp(float(due) / 1000, UTC),
            body=named.get("m", "").encode(),
            is_retry=kind == "retry",
            past=past_of(named.get("s", "").encode()),
        )
    for marks in keys.done:
        if (yield command("HGET", marks, message_id)) is not None:
            return Whereabouts(is_done=True)
    return Whereabouts()
