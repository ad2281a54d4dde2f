"""Verdicts on their way to Redis: one call under way, and what comes meanwhile goes together in the next."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from headworks.errors import Unavailable
from headworks.telemetry import Action
from headworks.working.signal import Signal

if TYPE_CHECKING:
    from collections.abc import Callable

    from headworks.brokers.redis.async_connection import AsyncConnection
    from headworks.brokers.redis.delivered import Verdict
    from headworks.brokers.redis.deliveries import Deliveries
    from headworks.telemetry import Log
    from headworks.working.lost_leases import LostLeases

PAUSE_SECONDS = 0.5
# What a kill may repeat: a worker whose outcomes aren't taken fetches no more than that.
MOST_UNTOLD = 5_000


class Outbox:
    """What a worker's runs came to and Redis doesn't know yet."""

    def __init__(
        self,
        deliveries: Deliveries,
        connection: AsyncConnection,
        *,
        when_settled: Callable[[], None],
        queue: str,
        log: Log,
        lost: LostLeases,
    ) -> None:
        self._deliveries = deliveries
        self._connection = connection
        self._when_settled = when_settled
        self._queue = queue
        self._log = log
        self._lost = lost
        self._verdicts: list[Verdict] = []
        self._came = Signal()
        self._ended = Signal()
        self._under_way = 0
        self._is_behind = False

    @property
    def holds_something(self) -> bool:
        """Whether there is a verdict that isn't settled."""
        return bool(self._verdicts or self._under_way) or self._is_behind

    @property
    def is_full(self) -> bool:
        """Whether so much isn't settled that there should be no more."""
        return len(self._verdicts) + self._under_way >= MOST_UNTOLD

    def put(self, verdict: Verdict) -> None:
        """Have it settled."""
        self._verdicts.append(verdict)
        self._came.give()

    async def empty_for_ever(self) -> None:
        """Settle what comes."""
        while True:
            while not (self._verdicts or self._is_behind):
                await self._came.wait()
            await self._settle()
            if self._is_behind:
                await asyncio.sleep(PAUSE_SECONDS)

    async def empty(self, within: float) -> None:
        """Come back when all is settled, or so many seconds are over."""
        until = time.monotonic() + within
        while self.holds_something and time.monotonic() < until:
            await self._ended.wait(until - time.monotonic())

    async def _settle(self) -> None:
        some, self._verdicts = self._verdicts, []
        self._under_way = len(some)
        try:
            late = await self._connection.run(self._deliveries.settle(some))
        except Unavailable as error:
            if not self._is_behind:
                what = "nothing can be settled; told again until it works"
                self._log(Action.TROUBLE, what=what, queue=self._queue, error_message=str(error))
            self._is_behind = True
        except Exception as error:  # noqa: BLE001 - a worker goes on: these leases run out, and others look again
            self._log(Action.TROUBLE, what="outcomes couldn't be settled", queue=self._queue, error=error)
            for each in some:
                self._deliveries.held.pop(each.received.entry, None)
        else:
            self._is_behind = False
            self._tell_late(some, late)
        finally:
            self._under_way = 0
            self._ended.give()
            self._when_settled()

    def _tell_late(self, verdicts: list[Verdict], late: frozenset[bytes]) -> None:
        if not late:
            return
        for each in verdicts:
            if each.received.entry in late:
                self._lost.tell("its lease had ended before it was settled", each.received.message_id)
