"""A worker's line to a queue on Redis: fetch, run and settle, all at once."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import suppress
from itertools import groupby
from typing import TYPE_CHECKING

from headworks.brokers.redis.delivered import Waits
from headworks.brokers.redis.past import NO_PAST
from headworks.errors import Unavailable
from headworks.retry import deferral
from headworks.telemetry import Action
from headworks.working.lost_leases import LostLeases
from headworks.working.order import never
from headworks.working.outbox import Outbox
from headworks.working.signal import Signal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import timedelta

    from headworks.brokers.redis.async_connection import AsyncConnection
    from headworks.brokers.redis.delivered import Fetched, Received, Verdict
    from headworks.brokers.redis.deliveries import Deliveries
    from headworks.telemetry import Log
    from headworks.working.attempts import Attempts
    from headworks.working.prefetch import Prefetch
    from headworks.working.stock import Stock

FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 1.0
# What a cancelled handler may still do.
LAST_MOMENT_SECONDS = 0.5
BREATHES_EVERY_SECONDS = 0.005
SETTLED_WITHIN_SECONDS = 5.0
# How often a pause, or its end, is looked for while nothing happens.
PAUSED_FOR_SECONDS = 0.5


class RedisLine:
    """One process's work on one consumer's stream.  Lives in the loop that runs `work`.

    As many runners as may run at once take lanes, which are deliveries that come one after the
    other: one alone, or the members of a run.  A suspect is fetched when nothing else is in
    hand, and nothing is fetched beside it.
    """

    def __init__(
        self,
        deliveries: Deliveries,
        stock: Stock,
        attempts: Attempts,
        *,
        fetching: AsyncConnection,
        settling: AsyncConnection,
        prefetch: Prefetch,
        concurrency: int,
        poll: timedelta,
        queue: str,
        log: Log,
        is_paused: Callable[[], bool] = never,
    ) -> None:
        self._deliveries = deliveries
        self._is_paused = is_paused
        self._stock = stock
        self._attempts = attempts
        self._fetching = fetching
        self._settling = settling
        self._prefetch = prefetch
        self._concurrency = concurrency
        self._poll_seconds = poll.total_seconds()
        self._queue = queue
        self._log = log
        self._lanes: deque[Sequence[Received]] = deque()
        self._leftovers: list[Received] = []
        self._busy: set[asyncio.Task[None]] = set()
        self._work_came = Signal()
        self._something_ended = Signal()
        self._lost = LostLeases(log, queue)
        self._outbox = Outbox(
            deliveries,
            settling,
            when_settled=self._something_ended.give,
            queue=queue,
            log=log,
            lost=self._lost,
        )
        self._alone_next = False
        self._is_stopping = False
        self._is_hurried = False
        self._is_over = False
        self._breathe_at = 0.0
        self.last_fetch = time.monotonic()

    @property
    def active(self) -> int:
        """How many runs are under way."""
        return len(self._busy)

    def stop(self) -> None:
        """Fetch nothing more and start nothing more."""
        self._is_stopping = True
        self._something_ended.give()

    def hurry(self) -> None:
        """Wait for nobody any more."""
        self._is_hurried = True
        self._something_ended.give()

    async def work(self, grace: timedelta) -> bool:
        """Work until `stop`, then give runs `grace` to end; whether all of them did."""
        runners = [asyncio.create_task(self._run_lanes()) for _ in range(self._concurrency)]
        settler = asyncio.create_task(self._outbox.empty_for_ever())
        try:
            while not self._is_stopping:
                if self._is_paused():
                    await self._rest()
                else:
                    await self._fetch_more()
            await self._hand_back(self._take_unstarted())
            await self._end_runs(time.monotonic() + grace.total_seconds())
            all_ended = not self._busy
            await self._outbox.empty(SETTLED_WITHIN_SECONDS)
            await self._hand_back(self._leftovers)
            await self._leave()
            return all_ended
        finally:
            self._is_over = True
            for task in (*runners, settler):
                task.cancel()
            await asyncio.gather(*runners, settler, return_exceptions=True)

    async def _rest(self) -> None:
        """Paused: what isn't started is anybody's, and nothing is fetched."""
        await self._hand_back(self._take_unstarted())
        self.last_fetch = time.monotonic()
        await self._something_ended.wait(PAUSED_FOR_SECONDS)

    async def _fetch_more(self) -> None:
        """One fetch, once there is room for what it may bring."""
        self._prefetch.room_wanted()
        while not self._has_room():
            await self._something_ended.wait(PAUSED_FOR_SECONDS)
            if self._is_stopping or self._is_paused():
                return
        self._prefetch.room_found()
        fetched = await self._fetch()
        if fetched is None:
            return
        received = fetched.deliveries
        self._alone_next = bool(fetched.suspects) or (bool(received) and received[0].is_suspect)
        if received:
            self._prefetch.came(len(received))
            self._lanes.extend(_lanes(received))
            self._work_came.give_to(len(self._lanes))

    def _has_room(self) -> bool:
        if self._alone_next:
            return self._is_idle()
        return len(self._lanes) <= self._prefetch.size and not self._outbox.is_full

    def _is_idle(self) -> bool:
        return not (self._lanes or self._busy or self._outbox.holds_something)

    async def _fetch(self) -> Fetched | None:
        """What there is, or nothing where the server can't be asked: then a pause has passed."""
        pause, is_told = FIRST_PAUSE_SECONDS, False
        while not self._is_stopping:
            try:
                fetched = await self._fetching.run(
                    self._deliveries.fetch(
                        self._prefetch.size, block=self._poll_seconds, idle=self._is_idle()
                    )
                )
            except Exception as error:  # noqa: BLE001 - a worker goes on, whatever is the matter
                if not is_told:
                    self._trouble("nothing can be fetched; tried again until it works", error)
                is_told = True
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            else:
                self.last_fetch = time.monotonic()
                return fetched
        return None

    async def _run_lanes(self) -> None:
        """One runner.  A handler may cancel the task that it runs in: that is its own end alone."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a runner is a task
        while not self._is_over:
            if not self._lanes:
                with suppress(asyncio.CancelledError):
                    await self._work_came.wait()
                continue
            self._busy.add(task)
            try:
                while self._lanes:
                    await self._run_lane(self._lanes.popleft())
                    self._something_ended.give()
            finally:
                self._busy.discard(task)
                while task.cancelling():
                    task.uncancel()
                self._something_ended.give()

    async def _run_lane(self, lane: Sequence[Received]) -> None:
        for position, received in enumerate(lane):
            if self._is_stopping:
                self._leftovers += lane[position:]
                return
            if not self._stock.may_start(received) and not await self._is_ours_after_all(received):
                what = "its lease was lost before it was started: it is somebody else's"
                self._lost.tell(what, received.message_id)
                return
            try:
                verdict = await self._attempts.run(received)
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - ours is never the message's attempt
                verdict = self._comes_back(received, error)
            self._outbox.put(verdict)
            if time.monotonic() >= self._breathe_at:
                await self._breathe()
            if type(verdict) is Waits:
                # On FIFO the rest of a run comes back behind it; settling sees to that.
                return

    async def _breathe(self) -> None:
        """Let what has finished be settled: handlers that never wait would leave it for a crash to repeat."""
        await asyncio.sleep(0)
        self._breathe_at = time.monotonic() + BREATHES_EVERY_SECONDS

    def _comes_back(self, received: Received, error: BaseException) -> Verdict:
        self._trouble("a runner failed, and its message comes back", error)
        past = received.past if received.state else NO_PAST
        wait = int(deferral(received.count).total_seconds() * 1000)
        return Waits(received, wait, past, failed=False)

    async def _is_ours_after_all(self, received: Received) -> bool:
        """Whether a lease that may have run out is held still, asked of the server."""
        if not self._stock.is_ours(received):
            return False
        try:
            await self._settling.run(self._stock.renew())
        except Unavailable:
            return False
        return self._stock.may_start(received)

    def _take_unstarted(self) -> list[Received]:
        unstarted = [received for lane in self._lanes for received in lane]
        self._lanes.clear()
        return unstarted

    async def _hand_back(self, leases: Sequence[Received]) -> None:
        """Let others have what was only prefetched."""
        if not leases:
            return
        try:
            await self._settling.run(self._deliveries.hand_back(leases))
        except Unavailable as error:
            self._trouble("what wasn't started can't be handed back: its leases run out", error)

    async def _end_runs(self, until: float) -> None:
        """Wait for the runs under way; cancel those that take longer, where that can be done."""
        while self._busy and not self._is_hurried and time.monotonic() < until:
            await self._something_ended.wait(until - time.monotonic())
        if not self._attempts.are_cancellable:
            return
        for task in self._busy:
            task.cancel()
        last_moment = time.monotonic() + LAST_MOMENT_SECONDS
        while self._busy and time.monotonic() < last_moment:
            await self._something_ended.wait(last_moment - time.monotonic())

    async def _leave(self) -> None:
        try:
            await self._settling.run(self._deliveries.leave())
        except Unavailable as error:
            self._trouble("the consumer's name stays behind", error)

    def _trouble(self, what: str, error: BaseException) -> None:
        if isinstance(error, Unavailable):
            self._log(Action.TROUBLE, what=what, queue=self._queue, error_message=str(error))
        else:
            self._log(Action.TROUBLE, what=what, queue=self._queue, error=error)


def _lanes(received: Sequence[Received]) -> list[Sequence[Received]]:
    """Deliveries that don't wait for each other: single ones, and the members of each run together."""
    if all(each.run == 1 for each in received):
        return [(each,) for each in received]
    return [list(lane) for _, lane in groupby(received, key=lambda each: each.entry)]
