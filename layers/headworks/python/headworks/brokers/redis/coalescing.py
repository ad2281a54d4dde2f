"""Concurrent single sends, made into batches: each waits for its own answer, and they share a call."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from headworks.brokers.broker import NO_DELAY

if TYPE_CHECKING:
    from datetime import timedelta

    from headworks.brokers.redis.acceptance import Acceptance, Accepted, Offer
    from headworks.brokers.redis.async_connection import AsyncConnection

# A call that takes longer than this holds up the next one.
MOST_TOGETHER = 500


class Coalescing:
    """Sends one message at a time for many tasks of one loop.

    The first of them goes at once; those that come while a call is on its way go together in the
    next one, in the order in which they came.
    """

    def __init__(self, acceptance: Acceptance, connection: AsyncConnection) -> None:
        self._acceptance = acceptance
        self._connection = connection
        self._waiting: dict[timedelta, list[tuple[Offer, asyncio.Future[Accepted]]]] = {}
        self._sender: asyncio.Task[None] | None = None

    async def send(self, offer: Offer, *, delay: timedelta = NO_DELAY) -> Accepted:
        """Accept one message.  Raises `InvalidMessage`."""
        answer: asyncio.Future[Accepted] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(delay, []).append((offer, answer))
        if self._sender is None:
            self._sender = asyncio.create_task(self._send_all())
        return await answer

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                delay = next(iter(self._waiting))
                some = self._waiting[delay][:MOST_TOGETHER]
                self._waiting[delay] = self._waiting[delay][MOST_TOGETHER:]
                if not self._waiting[delay]:
                    del self._waiting[delay]
                await self._send(some, delay)
        finally:
            self._sender = None

    async def _send(self, some: list[tuple[Offer, asyncio.Future[Accepted]]], delay: timedelta) -> None:
        try:
            offers = [offer for offer, _ in some]
            accepted = await self._connection.run(self._acceptance.enqueue(offers, delay=delay))
        except BaseException as error:
            for _, answer in some:
                if not answer.done():
                    answer.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        for (_, answer), each in zip(some, accepted, strict=True):
            if not answer.done():
                answer.set_result(each)
