"""A worker's work on a queue on Redis whose handler takes whole batches: drains, as on Lambda, without an end."""

from __future__ import annotations

import time
from contextlib import nullcontext, suppress
from datetime import timedelta
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from headworks.draining import Drain, Stream
from headworks.telemetry import Action
from headworks.wiring import ConsumerParts
from headworks.working.health import Health
from headworks.working.hooks import Hooks
from headworks.working.standing import NOW, UNTIL_TOLD, StandingWholeBatch, time_left
from headworks.working.tally import Tally
from headworks.working.told_call import ToldBatchCall
from headworks.workshop import workshop_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from headworks.batch import Result, Workshop
    from headworks.brokers.broker import Delivery
    from headworks.ledger.ledger import Lease
    from headworks.working.order import WorkOrder
    from headworks.working.parts import RedisParts

PAUSE_AFTER_A_FAULT_SECONDS = 1.0
PAUSED_FOR_SECONDS = 0.5


class RedisBatches:
    """One process's batches of one consumer's stream, one after the other, from its start to its end."""

    def __init__(self, order: WorkOrder, parts: RedisParts) -> None:
        self._order = order
        self._parts = parts
        hooks = Hooks(parts.log, on_processed=order.on_processed, on_failed=order.on_failed)
        self._call = ToldBatchCall(order.handle, timeout=order.queue.timeout, hooks=hooks)
        self._tally = Tally(parts.counts)
        # A signal's handler may interrupt whoever reads these: nothing here takes a lock.
        self._is_stopped = False
        self._stop_by = 0.0
        self._stops: SimpleQueue[None] = SimpleQueue()
        self._batch: StandingWholeBatch | None = None
        self._drain: Drain | None = None
        self._is_running = False
        self._last_fetch = time.monotonic()

    @property
    def active(self) -> int:
        """How many runs are under way: one, or none."""
        return self._call.active

    def health(self) -> Health:
        """How it is now."""
        drain = self._drain
        return Health(
            is_running=self._is_running,
            active=self.active,
            held=drain.held if drain else 0,
            heartbeat_is_alive=drain is None or drain.heartbeat_is_alive,
            seconds_since_fetch=round(time.monotonic() - self._seen(drain), 3),
            is_paused=self._order.is_paused(),
        )

    def run(self) -> None:
        """Work until `stop`.  Ends the process where a thread's handler outlives the grace period."""
        self._is_running = True
        try:
            while not self._is_stopped:
                if self._order.is_paused():
                    self._last_fetch = time.monotonic()
                    self._wait(PAUSED_FOR_SECONDS)
                else:
                    self._work()
        except _LeftBehind:
            self._order.tell_left_behind(self._parts.log)
            self._parts.exit_process(1)
        finally:
            self._is_running = False
            self._tally.publish(at_once=True)

    def stop(self) -> None:
        """Come to an end; the second time, at once.  From any thread, and from a signal's handler."""
        grace = 0.0 if self._is_stopped else self._order.grace.total_seconds()
        self._stop_by = time.monotonic() + grace
        self._is_stopped = True
        self._stops.put(None)
        if (batch := self._batch) is not None:
            batch.look_again()

    def _work(self) -> None:
        """Take batches until it is stopped, or paused."""
        order, parts = self._order, self._parts
        stream = Stream(parts=parts, is_paused=self._is_paused)
        drain = Drain(
            order.queue,
            order.consumer,
            stream,
            clock=order.clock,
            pause=self._wait,
            longest_read=order.poll,
        )
        shop = self._workshop(drain)
        self._drain = drain
        try:
            drain.run(
                lambda deliveries: self._run(shop, drain, deliveries),
                remaining=lambda: NOW if self._is_stopped else UNTIL_TOLD,
            )
        except Exception as error:  # noqa: BLE001 - a worker goes on: these leases run out, and others look again
            self._parts.log(Action.TROUBLE, what="a batch failed", queue=order.queue.name, error=error)
            self._wait(PAUSE_AFTER_A_FAULT_SECONDS)
        finally:
            self._drain, self._last_fetch = None, self._seen(drain)
            shop.pool.shutdown(wait=False)
            shop.clerks.shutdown(wait=False)

    def _is_paused(self) -> bool:
        """Asked between two batches, also where none comes: the time to tell what was counted."""
        self._tally.publish()
        return self._order.is_paused()

    def _workshop(self, drain: Drain) -> Workshop:
        order, parts = self._order, self._parts
        return workshop_of(
            order.queue,
            order.consumer,
            self._call,
            ConsumerParts(
                broker=drain.broker,
                ledger=drain.entries,
                log=parts.log,
                counts=parts.counts,
                claim_check=parts.claim_check,
                version=parts.version,
                announcer=parts.announcer,
                exit_process=_leave_behind,
                pause=self._wait,
            ),
            clock=order.clock,
            concurrency=1,
            # However long a wait is, it is spent in Redis.
            longest_wait=timedelta.max,
        )

    def _run(self, shop: Workshop, drain: Drain, deliveries: Sequence[Delivery]) -> Result:
        self._batch = batch = StandingWholeBatch(
            shop, self._remaining, _Keeper(drain, self._parts.lease), consumer=self._order.consumer
        )
        try:
            result = batch.run(deliveries)
        finally:
            self._batch = None
        self._tally.add(result.outcomes, result.durations_ms)
        self._tally.publish()
        return result

    def _remaining(self) -> timedelta:
        """A batch's time: without end, until it is told to stop; then nothing is begun any more."""
        return time_left(self._stop_by, self._order.queue.timeout) if self._is_stopped else UNTIL_TOLD

    def _wait(self, seconds: float) -> None:
        """So long, or until it is stopped."""
        if not self._is_stopped:
            with suppress(Empty):
                self._stops.get(timeout=seconds)

    def _seen(self, drain: Drain | None) -> float:
        return max(self._last_fetch, drain.last_fetch) if drain else self._last_fetch


class _Keeper:
    """What a drain has is kept alive by its heartbeat, and its batches come one after the other."""

    def __init__(self, drain: Drain, lease: timedelta) -> None:
        self._drain = drain
        self.lease = lease

    def may_start(self, delivery: Delivery) -> bool:
        return self._drain.may_start(delivery)

    def leased(self, delivery: Delivery, lease: Lease) -> None:
        """The delivery is the lease."""

    def run_ended(self, delivery: Delivery) -> None:
        """The next batch comes when this one is over."""

    def let_go(self, deliveries: Sequence[Delivery]) -> None:
        """Settling has done it."""

    def alone(self) -> AbstractContextManager[object]:
        return nullcontext()


class _LeftBehind(BaseException):
    """A thread's handler goes on though its worker has come to an end."""


def _leave_behind(_code: int) -> None:
    raise _LeftBehind
