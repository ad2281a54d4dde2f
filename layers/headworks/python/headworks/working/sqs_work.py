"""A worker's work on a queue on SQS: polling, batches and the heartbeat side by side."""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from headworks import outcome
from headworks.brokers.broker import Settled
from headworks.call import Call
from headworks.telemetry import Action
from headworks.working.custody import Custody
from headworks.working.health import Health
from headworks.working.heartbeat import Heartbeat
from headworks.working.hooks import Hooks
from headworks.working.polling import Polling
from headworks.working.shelf import Shelf
from headworks.working.standing import NOW, UNTIL_TOLD, StandingBatch, StandingWholeBatch, time_left
from headworks.working.tally import Tally
from headworks.working.told_call import ToldBatchCall, ToldCall
from headworks.workshop import workshop_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from headworks.batch import Result
    from headworks.brokers.broker import Delivery
    from headworks.ledger.ledger import Lease
    from headworks.working.order import WorkOrder
    from headworks.working.parts import SqsParts

# How often a pause is looked for, and whether a poll that a stop waits for has come back.
LOOKS_EVERY_SECONDS = 0.5
# How long a place stays free for its neighbours to be free, too: they share the ledger's calls.
LULL_SECONDS = 0.005
# A poll that hasn't come back so long after its time isn't waited for by a stop.
POLL_PATIENCE_SECONDS = 3.0


class SqsWork:
    """One process's work on one consumer's queue, from its start to its end.

    Whatever changes its state is an event, and the thread that runs `run` sees to them one by
    one.  Messages run in batches, which are small and many at a time where handlers are slow: a
    batch is what is there when places are free.  A handler of batches has one at a time.
    """

    def __init__(self, order: WorkOrder, parts: SqsParts) -> None:
        consumer = parts.consumer
        self._order = order
        self._parts = parts
        self._log = consumer.log
        hooks = Hooks(consumer.log, on_processed=order.on_processed, on_failed=order.on_failed)
        self._told, call, run = _calls(order, hooks)
        self._workshop = workshop_of(
            order.queue,
            order.consumer,
            call,
            consumer,
            clock=order.clock,
            concurrency=order.concurrency,
            run=run,
            exit_process=self._leave_for_good,
        )
        name = order.queue.name
        self._custody = Custody(
            parts.visibility, consumer.ledger, lease=parts.lease, queue=name, log=consumer.log, now=parts.now
        )
        self._heartbeat = Heartbeat(self._custody.beat, lease=parts.lease, log=consumer.log, queue=name)
        self._polling = Polling(
            parts.receiver,
            poll=order.poll,
            hidden_for=parts.lease,
            queue=name,
            log=consumer.log,
            came=lambda deliveries, began: self._events.put(partial(self._take, deliveries, began)),
            now=parts.now,
        )
        self._tally = Tally(consumer.counts)
        # A signal's handler may interrupt whoever reads these: nothing here takes a lock.
        self._events: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._is_stopped = self._is_hurried = self._must_exit = self._is_running = False
        self._stop_by = 0.0
        self._shelf = Shelf(fifo=order.queue.fifo)
        self._batches: set[StandingBatch] = set()
        # Receipts that take a place, with their lanes.
        self._places: dict[str, str] = {}
        self._free_since = 0.0
        self._wait_alone: deque[threading.Event] = deque()
        self._is_alone = False

    @property
    def active(self) -> int:
        """How many runs are under way."""
        return self._told.active

    def health(self) -> Health:
        """How it is now."""
        return Health(
            is_running=self._is_running,
            active=self.active,
            held=self._custody.size,
            heartbeat_is_alive=self._heartbeat.is_alive,
            seconds_since_fetch=round(time.monotonic() - self._polling.last, 3),
            is_paused=self._order.is_paused(),
        )

    def run(self) -> None:
        """Work until `stop`.  Ends the process where a thread's handler outlives its time."""
        self._is_running = True
        self._heartbeat.start()
        self._polling.start()
        try:
            while not self._is_over():
                self._go_on()
                self._see_to_next()
                self._tally.publish()
            self._give_back(self._shelf.clear())
        finally:
            self._is_running = False
            self._polling.stop()
            self._heartbeat.stop()
            self._tally.publish(at_once=True)
        if self._must_exit:
            self._order.tell_left_behind(self._log)
            self._parts.consumer.exit_process(1)
        self._workshop.pool.shutdown(wait=False)
        self._workshop.clerks.shutdown(wait=False)

    def stop(self) -> None:
        """Come to an end; the second time, at once.  From any thread, and from a signal's handler."""
        self._is_hurried = self._is_stopped
        grace = 0.0 if self._is_stopped else self._order.grace.total_seconds()
        self._stop_by = time.monotonic() + grace
        self._is_stopped = True
        self._polling.stop()
        self._events.put(self._tell_batches)

    def _tell_batches(self) -> None:
        for batch in self._batches:
            batch.look_again()

    def _is_over(self) -> bool:
        if not self._is_stopped or self._batches:
            return False
        waited = time.monotonic() - self._polling.began - self._order.poll.total_seconds()
        return not self._polling.is_under_way or self._is_hurried or waited > POLL_PATIENCE_SECONDS

    def _go_on(self) -> None:
        """Do what the present state asks for."""
        if self._is_stopped or self._order.is_paused():
            self._give_back(self._shelf.clear())
        elif not self._wait_alone and not self._is_alone:
            self._start_what_can_be()
            self._ask_for_more()
        if self._wait_alone and not self._is_alone and len(self._batches) == len(self._wait_alone):
            self._is_alone = True
            self._wait_alone.popleft().set()

    def _see_to_next(self) -> None:
        """One event, and all that came with it; or nothing, where it is time to look again."""
        with suppress(Empty):
            self._events.get(timeout=self._patience())()
            while True:
                self._events.get_nowait()()

    def _patience(self) -> float:
        if not self._shelf:
            return LOOKS_EVERY_SECONDS
        if self._order.in_batches:
            window = self._order.queue.batch_window.total_seconds() - self._shelf.age
            return min(max(window, 0.001), LOOKS_EVERY_SECONDS)
        return LULL_SECONDS if self._free_places() else LOOKS_EVERY_SECONDS

    def _start_what_can_be(self) -> None:
        if self._order.in_batches:
            self._start_whole()
            return
        free = self._free_places()
        is_lull_over = free == self._order.concurrency or time.monotonic() - self._free_since >= LULL_SECONDS
        if free and is_lull_over and (some := self._shelf.take(free, busy=frozenset(self._places.values()))):
            self._start(some)

    def _start_whole(self) -> None:
        queue = self._order.queue
        is_ripe = (
            len(self._shelf) >= queue.batch_size or self._shelf.age >= queue.batch_window.total_seconds()
        )
        if self._shelf and is_ripe and not self._batches:
            self._start(self._shelf.take(queue.batch_size))

    def _start(self, deliveries: Sequence[Delivery]) -> None:
        if self._order.in_batches:
            batch: StandingBatch = StandingWholeBatch(
                self._workshop, self._remaining, self, consumer=self._order.consumer
            )
        else:
            batch = StandingBatch(self._workshop, self._remaining, self)
        self._places |= {each.receipt: self._shelf.lane_of(each) for each in deliveries}
        self._batches.add(batch)
        threading.Thread(target=self._run_batch, args=(batch, deliveries), name="batch", daemon=True).start()

    def _run_batch(self, batch: StandingBatch, deliveries: Sequence[Delivery]) -> None:
        result: Result | None = None
        try:
            result = batch.run(deliveries)
        except Exception as error:  # noqa: BLE001 - a worker goes on: what was in it comes back when its time is over
            self._log(Action.TROUBLE, what="a batch failed", queue=self._order.queue.name, error=error)
        finally:
            self._custody.let_go(deliveries)
            self._events.put(partial(self._batch_ended, batch, deliveries, result))

    def _batch_ended(
        self, batch: StandingBatch, deliveries: Sequence[Delivery], result: Result | None
    ) -> None:
        self._batches.discard(batch)
        self._free([each.receipt for each in deliveries])
        if result is not None:
            self._tally.add(result.outcomes, result.durations_ms)

    def _ask_for_more(self) -> None:
        if self._polling.is_under_way:
            return
        here = len(self._shelf)
        if self._order.in_batches:
            ahead, room = self._order.queue.batch_size - 1, self._order.queue.batch_size - here
        else:
            prefetch = self._order.prefetch or self._order.concurrency
            ahead, room = prefetch // 2, prefetch + self._free_places() - here
        # Each poll is paid for: not one for each place.
        if here <= ahead and room > 0:
            self._polling.ask(room)

    def _take(self, deliveries: Sequence[Delivery], began: float) -> None:
        self._polling.is_under_way = False
        self._custody.take(deliveries, asked_at=began)
        self._shelf.put(deliveries)

    def _give_back(self, deliveries: Sequence[Delivery]) -> None:
        """Visible again at once: nobody looked at them."""
        if not deliveries:
            return
        self._custody.let_go(deliveries)
        verdict = outcome.Defer(after=NOW, why="the worker that received it takes nothing now")
        self._parts.consumer.broker.settle(
            [Settled(delivery=delivery, outcome=verdict) for delivery in deliveries]
        )

    def _free_places(self) -> int:
        return self._order.concurrency - len(set(self._places.values()))

    def _free(self, receipts: Sequence[str]) -> None:
        if not self._free_places():
            self._free_since = time.monotonic()
        for each in receipts:
            self._places.pop(each, None)

    def _remaining(self) -> timedelta:
        """A batch's time: without end, until it is told to stop; then nothing is begun any more."""
        return time_left(self._stop_by, self._order.queue.timeout) if self._is_stopped else UNTIL_TOLD

    def _leave_for_good(self, _code: int) -> None:
        """A handler can't be stopped: nothing new is begun, and the process ends when all else is settled."""
        self._must_exit = self._is_hurried = self._is_stopped = True
        self._polling.stop()

    # What follows is for batches, in their threads: see `Keeper`.

    @property
    def lease(self) -> timedelta:
        """How long a message is ours without a sign of life."""
        return self._custody.lease

    def may_start(self, delivery: Delivery) -> bool:
        """Whether it is ours now."""
        return self._custody.may_start(delivery)

    def leased(self, delivery: Delivery, lease: Lease) -> None:
        """A run of it may begin under this lease."""
        self._custody.leased(delivery, lease)

    def run_ended(self, delivery: Delivery) -> None:
        """Another may begin in its place; on FIFO only when it is settled."""
        if not self._order.queue.fifo:
            self._events.put(partial(self._free, [delivery.receipt]))

    def let_go(self, deliveries: Sequence[Delivery]) -> None:
        """These are settled."""
        self._custody.let_go(deliveries)
        self._events.put(partial(self._free, [each.receipt for each in deliveries]))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """While nothing else runs in this process."""
        turn = threading.Event()
        self._events.put(lambda: self._wait_alone.append(turn))
        turn.wait()
        try:
            yield
        finally:
            self._events.put(self._be_among_others)

    def _be_among_others(self) -> None:
        self._is_alone = False


def _calls(order: WorkOrder, hooks: Hooks) -> tuple[ToldCall | ToldBatchCall, Call, ToldCall | None]:
    """Who counts runs, who makes them, and who stands around each."""
    if order.in_batches:
        batches = ToldBatchCall(order.handle, timeout=order.queue.timeout, hooks=hooks)
        return batches, batches, None
    call = Call(order.handle, timeout=order.queue.timeout)
    told = ToldCall(call, hooks)
    return told, call, told
