"""The long-running consumer: what a consumer's function does on Lambda, in a process of its own."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from headworks.clock import SystemClock
from headworks.errors import HeadworksError, InvalidDeclaration
from headworks.working.health import Health, HealthEndpoint
from headworks.working.order import WorkOrder, never
from headworks.working.parts import RedisParts
from headworks.working.pause_watch import PauseWatch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from types import FrameType

    from headworks.clock import Clock
    from headworks.message import Message
    from headworks.queue import Queue
    from headworks.working.parts import SqsParts

DEFAULT_CONCURRENCY = 5
REDIS_POLL = timedelta(seconds=1)
# Each poll of SQS is paid for, and a stop waits for it.
SQS_POLL = timedelta(seconds=5)
DEFAULT_GRACE = timedelta(seconds=30)
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Worker:
    """Takes a queue's messages and runs `handle` for each, until it is stopped.

    `handle` takes a message, or a message and a `Context`.  `async def` runs as part of one
    event loop, `def` in threads; at most `concurrency` at a time.  An `async def` run is
    cancelled when the queue's `timeout` is over, unless it asked for more (`context.extend`);
    a thread can't be, and goes on.

    With `in_batches` it is run once for a batch, as in a `Consumer`: up to the queue's `batch_size`
    of messages, gathered within its `batch_window` after the first; one batch after the other.

    `prefetch` is how many messages are fetched while those before are worked on; left out, it
    follows on Redis how fast handlers are, and is `concurrency` on SQS.  `poll` is how long a
    fetch waits for a message: 1 s on Redis, 5 s on SQS, which takes whole seconds up to 20.

    Stopped, by `stop` or SIGTERM or SIGINT, it fetches nothing more, hands back what it hasn't
    started and gives what runs `grace` to end; a second time, it doesn't wait.

    `is_paused` is asked every two seconds: paused, it starts nothing and gives back what it has
    fetched; what runs goes on.

    `on_processed` is told of each run whose effect happened, `on_failed` of each other one;
    neither can change an outcome.  On `health_port` of this machine a GET answers how it is.
    """

    def __init__(
        self,
        queue: Queue,
        handle: Callable[..., Awaitable[None] | None],
        *,
        parts: RedisParts | SqsParts,
        consumer: str | None = None,
        in_batches: bool = False,
        concurrency: int | None = None,
        prefetch: int | None = None,
        poll: timedelta | None = None,
        grace: timedelta = DEFAULT_GRACE,
        is_paused: Callable[[], bool] | None = None,
        on_processed: Callable[[Message[Any], timedelta], object] | None = None,
        on_failed: Callable[[BaseException, Message[Any]], object] | None = None,
        health_port: int | None = None,
        clock: Clock | None = None,
    ) -> None:
        log = parts.log if isinstance(parts, RedisParts) else parts.consumer.log
        self._pauses = PauseWatch(is_paused or never, log=log, queue=queue.name)
        order = WorkOrder(
            queue=queue,
            consumer=consumer or queue.consumers[0],
            handle=handle,
            in_batches=in_batches,
            concurrency=_usual_concurrency(in_batches=in_batches) if concurrency is None else concurrency,
            prefetch=prefetch,
            poll=_usual_poll(parts) if poll is None else poll,
            grace=grace,
            clock=clock or SystemClock(),
            is_paused=self._pauses.is_paused,
            on_processed=on_processed,
            on_failed=on_failed,
        )
        self._work = _work(order, parts)
        self._health_port = health_port
        self._once = threading.Lock()

    @property
    def is_running(self) -> bool:
        """Whether it is at work."""
        return self._work.health().is_running

    @property
    def active(self) -> int:
        """How many runs are under way."""
        return self._work.active

    def health(self) -> Health:
        """How it is now."""
        return self._work.health()

    def run(self) -> None:
        """Work until it is stopped.  In the main thread, SIGTERM and SIGINT stop it."""
        if not self._once.acquire(blocking=False):
            raise AlreadyRun("a worker runs once: its name at the transport is given up at its end")
        with self._answering(), self._heeding_signals():
            self._pauses.start()
            try:
                self._work.run()
            finally:
                self._pauses.stop()

    def stop(self) -> None:
        """Come to an end: what runs has the grace period.  The second time, at once.  From any thread."""
        self._work.stop()

    @contextmanager
    def _answering(self) -> Iterator[None]:
        if self._health_port is None:
            yield
            return
        endpoint = HealthEndpoint(self._health_port, self.health)
        endpoint.start()
        try:
            yield
        finally:
            endpoint.stop()

    @contextmanager
    def _heeding_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def heed(_number: int, _frame: FrameType | None) -> None:
            self.stop()

        before = {number: signal.signal(number, heed) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


class Work(Protocol):
    """One process's work on one consumer's queue, from its start to its end."""

    @property
    def active(self) -> int:
        """How many runs are under way."""

    def health(self) -> Health:
        """How it is now."""

    def run(self) -> None:
        """Work until `stop`."""

    def stop(self) -> None:
        """Come to an end; the second time, at once.  From any thread, and from a signal's handler."""


def _usual_concurrency(*, in_batches: bool) -> int:
    return 1 if in_batches else DEFAULT_CONCURRENCY


def _usual_poll(parts: RedisParts | SqsParts) -> timedelta:
    return REDIS_POLL if isinstance(parts, RedisParts) else SQS_POLL


def _work(order: WorkOrder, parts: RedisParts | SqsParts) -> Work:
    if isinstance(parts, RedisParts):
        # Imported here: a worker of one transport doesn't need the other's client.
        if order.in_batches:
            from headworks.working.redis_batches import RedisBatches

            return RedisBatches(order, parts)
        from headworks.working.redis_work import RedisWork

        return RedisWork(order, parts)
    if order.poll % timedelta(seconds=1):
        raise InvalidDeclaration(f"{order.queue.name}: SQS waits whole seconds, and {order.poll} aren't")
    from headworks.working.sqs_work import SqsWork

    return SqsWork(order, parts)


class AlreadyRun(HeadworksError):
    """A worker was started a second time."""
