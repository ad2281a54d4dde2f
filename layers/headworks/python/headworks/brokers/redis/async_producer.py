"""The producer for asyncio: what many tasks send at once goes to Redis together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from headworks.brokers.broker import NO_DELAY
from headworks.brokers.redis.acceptance import Acceptance, offer_of
from headworks.brokers.redis.coalescing import Coalescing
from headworks.brokers.redis.keys import Keys
from headworks.clock import SystemClock
from headworks.errors import Unavailable
from headworks.producer import Accepted, check_delay, duplicate, message_of, tell
from headworks.telemetry import Action

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from headworks.brokers.redis import acceptance
    from headworks.brokers.redis.async_connection import AsyncConnection
    from headworks.brokers.redis.memory_mark import MemoryMark
    from headworks.brokers.redis.scripts import Scripts
    from headworks.claim_check import ClaimCheck
    from headworks.clock import Clock
    from headworks.message import Message
    from headworks.producer import Outgoing
    from headworks.queue import Queue
    from headworks.telemetry import Log


class AsyncProducer:
    """One queue's way in over Redis, for the tasks of one event loop.

    It answers as `headworks.producer.Producer` does.  Single sends that come while a call is on
    its way share the next one, in the order in which they came.
    """

    def __init__(
        self,
        queue: Queue,
        connection: AsyncConnection,
        *,
        log: Log,
        claim_check: ClaimCheck | None = None,
        keys: Keys | None = None,
        mark: MemoryMark | None = None,
        scripts: Scripts | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._queue = queue
        self._connection = connection
        self._log = log
        self._claim_check = claim_check
        self._clock = clock or SystemClock()
        self._acceptance = Acceptance.of_queue(queue, keys or Keys(queue.name), mark=mark, scripts=scripts)
        self._coalescing = Coalescing(self._acceptance, connection)

    async def send(self, outgoing: Outgoing, *, delay: timedelta = NO_DELAY) -> Accepted:
        """Send one message; return when Redis has it.

        Raises `InvalidMessage` for one that can't be sent as asked, `Unavailable` when Redis or
        the bucket of large bodies doesn't take it.
        """
        check_delay(self._queue, delay)
        message = await self._checked_in(self._message(outgoing, delay))
        answer = await self._coalescing.send(offer_of(self._queue, message), delay=delay)
        told = self._told(message, answer, delay)
        if isinstance(told, Unavailable):
            raise told
        return told

    async def send_batch(
        self, outgoings: Sequence[Outgoing], *, delay: timedelta = NO_DELAY
    ) -> list[Accepted | Unavailable]:
        """Send several; one answer each, in the order of the input.

        Of equal keys in one batch the first is sent, the others are its duplicates.
        Raises `InvalidMessage`, before anything is sent, if any of them can't be sent as asked, and
        `Unavailable`, before anything is sent, when the bucket of large bodies doesn't take one.
        """
        check_delay(self._queue, delay)
        messages = [self._message(outgoing, delay) for outgoing in outgoings]
        if self._claim_check is not None:
            messages = [await self._checked_in(message) for message in messages]
        offers = [offer_of(self._queue, message) for message in messages]
        answers = await self._connection.run(self._acceptance.enqueue(offers, delay=delay))
        return [self._told(message, answer, delay) for message, answer in zip(messages, answers, strict=True)]

    def _message(self, outgoing: Outgoing, delay: timedelta) -> Message[bytes]:
        return message_of(self._queue, outgoing, clock=self._clock, delay=delay)[0]

    async def _checked_in(self, message: Message[bytes]) -> Message[bytes]:
        if self._claim_check is None or not self._claim_check.takes(message):
            return message
        return await asyncio.to_thread(self._claim_check.check_in, message)

    def _told(
        self, message: Message[bytes], answer: acceptance.Accepted, delay: timedelta
    ) -> Accepted | Unavailable:
        if answer.error is not None:
            tell(self._log, Action.NOT_QUEUED, self._queue, message, error_message=answer.error)
            return Unavailable(f"the queue {self._queue.name}", answer.error)
        if answer.duplicate:
            return duplicate(self._log, self._queue, answer.message_id, message.idempotency_key)
        tell(self._log, Action.QUEUED, self._queue, message, delay_seconds=int(delay.total_seconds()) or None)
        return Accepted(message_id=message.id)
