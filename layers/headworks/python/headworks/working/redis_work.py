"""A worker's work on a queue on Redis, put together."""

from __future__ import annotations

import asyncio
import os
import socket
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

from headworks.brokers.redis.async_connection import AsyncConnection
from headworks.brokers.redis.connection import PROMPT_ANSWER_SECONDS, Connection
from headworks.brokers.redis.deliveries import Deliveries
from headworks.brokers.redis.entry_ledger import EntryLedger
from headworks.brokers.redis.keys import Keys
from headworks.brokers.redis.verdicts import Verdicts
from headworks.call import Call
from headworks.processing import Processing
from headworks.working.attempts import Attempts
from headworks.working.handler import Handler
from headworks.working.health import Health
from headworks.working.heartbeat import Heartbeat
from headworks.working.hooks import Hooks
from headworks.working.prefetch import Prefetch
from headworks.working.redis_line import RedisLine
from headworks.working.stock import Stock
from headworks.working.tally import Tally

if TYPE_CHECKING:
    from headworks.working.order import WorkOrder
    from headworks.working.parts import RedisParts


class RedisWork:
    """One process's work on one consumer's stream, from its start to its end."""

    def __init__(self, order: WorkOrder, parts: RedisParts) -> None:
        self._order = order
        self._parts = parts
        self._hooks = Hooks(parts.log, on_processed=order.on_processed, on_failed=order.on_failed)
        keys = Keys(order.queue.name, parts.namespace).of(order.consumer)
        # Made anew for each start: a name that came back would find what its namesake left.
        name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._deliveries = Deliveries(
            keys, name, lease=parts.lease, fifo=order.queue.fifo, scripts=parts.scripts
        )
        self._stock = Stock(self._deliveries, parts.lease)
        self._line: RedisLine | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._heart_line = Connection(parts.address)
        self._heartbeat = Heartbeat(self._beat, lease=parts.lease, log=parts.log, queue=order.queue.name)
        self._is_stopping = False

    @property
    def active(self) -> int:
        """How many runs are under way."""
        return self._line.active if self._line else 0

    def health(self) -> Health:
        """How it is now."""
        line = self._line
        return Health(
            is_running=line is not None,
            active=self.active,
            held=self._stock.size,
            heartbeat_is_alive=self._heartbeat.is_alive,
            seconds_since_fetch=round(time.monotonic() - line.last_fetch, 3) if line else 0.0,
            is_paused=self._order.is_paused(),
        )

    def run(self) -> None:
        """Work until `stop`.  Ends the process where a thread's handler outlives the grace period."""
        threads = ThreadPoolExecutor(self._order.concurrency, thread_name_prefix=self._order.queue.name)
        with self._heart_line:
            self._heartbeat.start()
            try:
                all_ended = asyncio.run(self._work(threads))
            finally:
                self._heartbeat.stop()
        if not all_ended:
            self._order.tell_left_behind(self._parts.log)
            self._parts.exit_process(1)
        threads.shutdown(wait=False)

    def stop(self) -> None:
        """Come to an end; the second time, at once.  From any thread, and from a signal's handler."""
        is_second, self._is_stopping = self._is_stopping, True
        if self._line is None or self._loop is None:
            return
        self._loop.call_soon_threadsafe(self._line.hurry if is_second else self._line.stop)

    async def _work(self, threads: ThreadPoolExecutor) -> bool:
        order, parts = self._order, self._parts
        tally = Tally(parts.counts)
        self._loop = asyncio.get_running_loop()
        async with (
            AsyncConnection(parts.address, answers_within=PROMPT_ANSWER_SECONDS) as fetching,
            AsyncConnection(parts.address) as settling,
        ):
            line = RedisLine(
                self._deliveries,
                self._stock,
                self._attempts(threads, tally),
                fetching=fetching,
                settling=settling,
                prefetch=Prefetch(order.prefetch, concurrency=order.concurrency),
                concurrency=order.concurrency,
                poll=order.poll,
                queue=order.queue.name,
                log=parts.log,
                is_paused=order.is_paused,
            )
            self._line = line
            publishing = asyncio.create_task(_publish(tally))
            try:
                if self._is_stopping:
                    line.stop()
                return await line.work(order.grace)
            finally:
                publishing.cancel()
                tally.publish(at_once=True)
                self._line = None

    def _attempts(self, threads: ThreadPoolExecutor, tally: Tally) -> Attempts:
        order, parts, clock = self._order, self._parts, self._order.clock
        entries = EntryLedger(clock, lasting=parts.lasting)
        processing = Processing(
            order.queue,
            order.consumer,
            Call(order.handle, timeout=order.queue.timeout),
            ledger=entries,
            claim_check=parts.claim_check,
            clock=clock,
            log=parts.log,
            version=parts.version,
            # However long a wait is, it is spent in Redis.
            longest_wait=timedelta.max,
            announcer=parts.announcer,
        )
        return Attempts(
            order.queue,
            Handler(order.handle, threads),
            processing,
            Verdicts(clock, entries=entries, keeps_dead_letters=parts.lasting is None),
            entries=entries,
            clock=clock,
            log=parts.log,
            hooks=self._hooks,
            tally=tally,
        )

    def _beat(self) -> None:
        self._heart_line.run(self._stock.renew())


async def _publish(tally: Tally) -> None:
    while True:
        await asyncio.sleep(1)
        tally.publish()
