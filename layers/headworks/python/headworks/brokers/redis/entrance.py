"""The way in to a queue that travels over Redis and whose dead letters don't."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headworks.brokers.broker import NO_DELAY, Sent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from headworks.brokers.broker import Sender
    from headworks.brokers.redis.broker import RedisSender
    from headworks.message import Message


class RedisEntrance:
    """Sends over Redis, and buries where `graveyard` does: dead letters are in one list, whatever they travelled over."""

    def __init__(self, sender: RedisSender, *, graveyard: Sender) -> None:
        self._sender = sender
        self._graveyard = graveyard

    def send(self, messages: Sequence[Message[bytes]], *, delay: timedelta = NO_DELAY) -> list[Sent]:
        """See `RedisSender.send`."""
        return self._sender.send(messages, delay=delay)

    def cancel(self, key: str) -> bool:
        """See `Sender.cancel`."""
        return self._sender.cancel(key)

    def bury(self, message: Message[bytes], *, reason: str, error: str) -> Sent:
        """See `Sender.bury`."""
        return self._graveyard.bury(message, reason=reason, error=error)
