"""A worker's work on a queue on SQS: one batch after the other, as a Lambda environment has them."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from headworks import outcome
from headworks.batch import Batch
from headworks.brokers.broker import Settled
from headworks.call import Call
from headworks.errors import Unavailable
from headworks.telemetry import Action
from headworks.working.health import Health
from headworks.working.hooks import Hooks
from headworks.working.tally import Tally
from headworks.working.told_call import ToldCall
from headworks.workshop import workshop_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headworks.brokers.broker import Delivery
    from headworks.working.order import WorkOrder
    from headworks.working.parts import SqsParts

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 10.0
AT_ONCE = timedelta(0)
# A run that hasn't started is given back where less than its time is left.
MOMENT = timedelta(milliseconds=1)


class SqsWork:
    """One process's work on one consumer's queue, from its start to its end.

    A batch is as many messages as may run at once, so that all of them do.  Its time is a
    function's, which leases in the ledger and invisibility cover with room to spare; a stop cuts
    it to the grace period, and what hasn't been started then goes back.
    """

    def __init__(self, order: WorkOrder, parts: SqsParts) -> None:
        consumer = parts.consumer
        self._order = order
        self._parts = parts
        self._call = Call(order.handle, timeout=order.queue.timeout)
        self._told = ToldCall(
            self._call, Hooks(consumer.log, on_processed=order.on_processed, on_failed=order.on_failed)
        )
        self._workshop = workshop_of(
            order.queue,
            order.consumer,
            self._call,
            consumer,
            clock=order.clock,
            concurrency=order.concurrency,
            run=self._told,
            exit_process=self._leave_for_good,
        )
        self._tally = Tally(consumer.counts)
        # A signal's handler may interrupt whoever reads these: nothing here takes a lock.
        self._is_stopped = False
        self._stops: SimpleQueue[None] = SimpleQueue()
        self._stop_by = 0.0
        self._must_exit = False
        self._is_running = False
        self._held = 0
        self._batch: Batch | None = None
        self._last_fetch = time.monotonic()

    @property
    def active(self) -> int:
        """How many runs are under way."""
        return self._told.active

    def health(self) -> Health:
        """How it is now.  SQS needs no sign of life: a batch is over before it is visible again."""
        return Health(
            is_running=self._is_running,
            active=self.active,
            held=self._held,
            heartbeat_is_alive=True,
            seconds_since_fetch=round(time.monotonic() - self._last_fetch, 3),
        )

    def run(self) -> None:
        """Work until `stop`.  Ends the process where a thread's handler outlives its time."""
        self._is_running = True
        try:
            while not self._is_stopped:
                self._work_once()
                self._tally.publish()
        finally:
            self._is_running = False
            self._tally.publish(at_once=True)
        if self._must_exit:
            self._order.tell_left_behind(self._parts.consumer.log)
            self._parts.consumer.exit_process(1)

    def stop(self) -> None:
        """Come to an end; the second time, at once.  From any thread, and from a signal's handler."""
        grace = 0.0 if self._is_stopped else self._order.grace.total_seconds()
        self._stop_by = time.monotonic() + grace
        self._is_stopped = True
        self._stops.put(None)
        if (batch := self._batch) is not None:
            batch.look_again()

    def _work_once(self) -> None:
        deliveries = self._receive()
        if not deliveries:
            return
        if self._is_stopped:
            self._give_back(deliveries)
            return
        self._held = len(deliveries)
        ends = time.monotonic() + self._order.queue.function_timeout.total_seconds()
        self._batch = Batch(self._workshop, lambda: self._remaining(ends))
        try:
            self._run(self._batch, deliveries)
        finally:
            self._held, self._batch = 0, None

    def _run(self, batch: Batch, deliveries: Sequence[Delivery]) -> None:
        result = batch.run(deliveries)
        self._parts.consumer.broker.delete([each for each in deliveries if each.id not in result.kept])
        outcomes = Counter(type(each.outcome).__name__ for each in result.settled)
        if result.completions_lost:
            outcomes["CompletionLost"] = result.completions_lost
        self._tally.add(outcomes, result.durations_ms)

    def _receive(self) -> list[Delivery]:
        """What there is; nothing where SQS can't be asked and a stop comes before it can."""
        pause, is_told = FIRST_PAUSE_SECONDS, False
        while not self._is_stopped:
            try:
                deliveries = self._parts.receiver.receive(self._order.concurrency, poll=self._order.poll)
            except Unavailable as error:
                if not is_told:
                    self._trouble("nothing can be received; tried again until it works", error)
                is_told = True
                self._wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            else:
                self._last_fetch = time.monotonic()
                return deliveries
        return []

    def _wait(self, seconds: float) -> None:
        """So long, or until it is stopped."""
        with suppress(Empty):
            self._stops.get(timeout=seconds)

    def _remaining(self, ends: float) -> timedelta:
        now = time.monotonic()
        left = timedelta(seconds=ends - now)
        if self._is_stopped:
            left = min(left, timedelta(seconds=self._stop_by - now), self._order.queue.timeout - MOMENT)
        return max(left, timedelta(0))

    def _give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Visible again at once: nobody looked at them."""
        verdict = outcome.Defer(after=AT_ONCE, why="the worker that received it stops")
        self._parts.consumer.broker.settle(
            [Settled(delivery=delivery, outcome=verdict) for delivery in deliveries]
        )

    def _leave_for_good(self, _code: int) -> None:
        """A handler can't be stopped: nothing new is begun, and the process ends when the batch is settled."""
        self._must_exit = True
        self._is_stopped = True

    def _trouble(self, what: str, error: Unavailable) -> None:
        self._parts.consumer.log(
            Action.TROUBLE, what=what, queue=self._order.queue.name, error_message=str(error)
        )
