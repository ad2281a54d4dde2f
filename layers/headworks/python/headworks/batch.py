"""A batch of deliveries: leases in bulk, handlers side by side, completions in groups, suspects last."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from headworks import outcome
from headworks.brokers.broker import Settled
from headworks.errors import Unavailable
from headworks.ledger.ledger import Lease, Suspect
from headworks.processing import Ended, Opened
from headworks.telemetry import Action

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headworks.brokers.broker import Broker, Delivery
    from headworks.call import Call
    from headworks.ledger.ledger import Ledger
    from headworks.outcome import Outcome
    from headworks.processing import Processing
    from headworks.queue import Queue
    from headworks.telemetry import Log

NOW = timedelta(0)
SOON = timedelta(seconds=1)
# What settling needs when handlers must have ended: a round of calls that time out, and one that doesn't.
SETTLING = timedelta(seconds=3)
LAST_MOMENT = timedelta(milliseconds=500)
COMPLETION_ROUNDS = 4
FIRST_PAUSE_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What a batch works with; the same for every batch of a consumer.

    `exit_process` ends a process whose handler can't be stopped, `pause` waits between
    tries of a completion.
    """

    queue: Queue
    processing: Processing
    call: Call
    pool: ThreadPoolExecutor
    ledger: Ledger
    broker: Broker
    log: Log
    exit_process: Callable[[int], object] = os._exit
    pause: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a batch came to: the deliveries (by id) that must be handed out again, and what to count."""

    kept: frozenset[str]
    settled: tuple[Settled, ...]
    durations_ms: tuple[float, ...]
    completions_lost: int


class _Over:
    """A worker's last word."""


class Batch:
    """One batch of one consumer, how much time it has, and which request of Lambda's it is."""

    def __init__(
        self, workshop: Workshop, remaining: Callable[[], timedelta], *, request_id: str = ""
    ) -> None:
        self._shop = workshop
        self._remaining = remaining
        self._request_id = request_id
        self._settled: list[Settled] = []
        self._durations: list[float] = []
        self._suspects: list[tuple[Opened, Suspect, list[Delivery]]] = []
        self._ends: SimpleQueue[Ended | Settled | _Over] = SimpleQueue()
        self._lost = 0

    def run(self, deliveries: Sequence[Delivery]) -> Result:
        """Bring every delivery to an outcome, and settle them all."""
        if self._shop.queue.fifo:
            self._run_ordered(deliveries)
        else:
            self._run_unordered(deliveries)
        kept = self._settle(0, explicitly=bool(self._suspects))
        # A suspect may take the process with it: whatever else there was is settled by now.
        while self._suspects:
            first = len(self._settled)
            self._run_suspect(*self._suspects.pop(0))
            kept |= self._settle(first, explicitly=True)
        return Result(
            kept=kept | self._unsettled(deliveries),
            settled=tuple(self._settled),
            durations_ms=tuple(self._durations),
            completions_lost=self._lost,
        )

    def _unsettled(self, deliveries: Sequence[Delivery]) -> frozenset[str]:
        """Deliveries that came to no outcome, since a worker ended in a way that nobody thought of: they come back."""
        settled = {each.delivery.id for each in self._settled}
        lost = [delivery for delivery in deliveries if delivery.id not in settled]
        for delivery in lost:
            self._shop.log(
                Action.TROUBLE,
                what="a delivery came to no outcome, and is handed out again",
                queue=self._shop.queue.name,
                message_id=delivery.id,
            )
        return frozenset(delivery.id for delivery in lost)

    def _run_unordered(self, deliveries: Sequence[Delivery]) -> None:
        firsts: dict[str, Opened] = {}
        followers: list[Opened] = []
        for delivery in deliveries:
            opened = self._shop.processing.open(delivery)
            if isinstance(opened, Settled):
                self._settled.append(opened)
            elif firsts.setdefault(opened.message.idempotency_key, opened) is not opened:
                followers.append(opened)
        leased = self._lease(list(firsts.values()))
        for opened, lease in leased:
            self._start(partial(self._run_one, opened, lease))
        self._collect(len(leased))
        verdicts = {each.message.idempotency_key: each.outcome for each in self._settled if each.message}
        for opened in followers:
            self._settled.append(self._follow(opened, verdicts.get(opened.message.idempotency_key)))

    def _run_ordered(self, deliveries: Sequence[Delivery]) -> None:
        """Ordering keys side by side, the messages of each one after the other."""
        lanes: dict[str | None, list[Delivery]] = {}
        for delivery in deliveries:
            lanes.setdefault(delivery.ordering_key, []).append(delivery)
        for lane in lanes.values():
            self._start(partial(self._run_lane, lane))
        self._collect(len(lanes))

    def _lease(self, opened: Sequence[Opened]) -> list[tuple[Opened, Lease]]:
        """Ask for all of them at once; what isn't leased is settled, or a suspect."""
        if not opened:
            return []
        try:
            answers = self._shop.ledger.lease([each.entry for each in opened], lasts=self._remaining())
        except Unavailable as error:
            self._settled += [self._shop.processing.defer(each, str(error)) for each in opened]
            return []
        leased: list[tuple[Opened, Lease]] = []
        for each, answer in zip(opened, answers, strict=True):
            if isinstance(answer, Lease):
                leased.append((each, answer))
            elif isinstance(answer, Suspect):
                self._suspects.append((each, answer, []))
            else:
                self._settled.append(self._shop.processing.turn_away(each, answer))
        return leased

    def _start(self, work: Callable[[], None]) -> None:
        """Have a thread of the pool do a worker's work; its last word comes whatever happens."""

        def worker() -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - what it was working on stays on the queue
                self._shop.log(
                    Action.TROUBLE, what="a worker failed", queue=self._shop.queue.name, error=error
                )
            finally:
                self._ends.put(_Over())

        self._shop.pool.submit(worker)

    def _run_one(self, opened: Opened, lease: Lease) -> None:
        self._ends.put(self._attempt(opened, lease))

    def _run_lane(self, lane: Sequence[Delivery]) -> None:
        """One ordering key's messages, up to the first that must come back; the rest comes back behind it."""
        for position, delivery in enumerate(lane):
            rest = lane[position + 1 :]
            opened = self._shop.processing.open(delivery)
            settled = opened if isinstance(opened, Settled) else self._step(opened, rest)
            if settled is None:
                return
            self._ends.put(settled)
            if isinstance(settled.outcome, outcome.Retry | outcome.Defer):
                self._hold_back(rest)
                return

    def _step(self, opened: Opened, rest: Sequence[Delivery]) -> Settled | None:
        """One message of a lane, recorded before the next one starts; none if it has to wait as a suspect."""
        try:
            [answer] = self._shop.ledger.lease([opened.entry], lasts=self._remaining())
        except Unavailable as error:
            return self._shop.processing.defer(opened, str(error))
        if isinstance(answer, Suspect):
            self._suspects.append((opened, answer, list(rest)))
            return None
        if not isinstance(answer, Lease):
            return self._shop.processing.turn_away(opened, answer)
        return self._finished(self._attempt(opened, answer))

    def _attempt(self, opened: Opened, lease: Lease) -> Ended | Settled:
        """Run the handler; an end that isn't Done is in the ledger afterwards."""
        if self._remaining() < self._shop.queue.timeout:
            return self._shop.processing.give_back(opened, lease)
        ended = self._shop.processing.run(
            opened, lease, remaining=self._remaining, request_id=self._request_id
        )
        self._durations.append(ended.duration_ms)
        return ended if isinstance(ended.verdict, outcome.Done) else self._shop.processing.record(ended)

    def _finished(self, end: Ended | Settled) -> Settled:
        return end if isinstance(end, Settled) else self._complete([end])[0]

    def _hold_back(self, rest: Sequence[Delivery]) -> None:
        """Visible again at once: while one of them is hidden, SQS hands out nothing of its group."""
        for delivery in rest:
            verdict = outcome.Defer(after=NOW, why="an earlier message of its ordering key comes back first")
            self._ends.put(Settled(delivery=delivery, outcome=verdict))

    def _collect(self, workers: int) -> None:
        """Take ends as they come; what finished since the last look is completed together."""
        while workers:
            ends = self._ended_within(self._remaining() - SETTLING)
            if not ends:
                self._abandon(workers)
                return
            workers -= self._take(ends)

    def _take(self, ends: Sequence[Ended | Settled | _Over]) -> int:
        """Settle ends, and count the workers that are over."""
        self._settled += [each for each in ends if isinstance(each, Settled)]
        self._settled += self._complete([each for each in ends if isinstance(each, Ended)])
        return sum(isinstance(each, _Over) for each in ends)

    def _ended_within(self, wait: timedelta) -> list[Ended | Settled | _Over]:
        """Everything that has come to its end, at least one; none when the wait is over."""
        try:
            ends = [self._ends.get(timeout=max(wait.total_seconds(), 0.001))]
        except Empty:
            return []
        while not self._ends.empty():
            ends.append(self._ends.get())
        return ends

    def _complete(self, ended: Sequence[Ended]) -> list[Settled]:
        """Tell the ledger that effects happened.  Done stays done, whatever it answers."""
        pending = list(ended)
        for round_number in range(COMPLETION_ROUNDS):
            if not pending:
                break
            if round_number:
                self._shop.pause(FIRST_PAUSE_SECONDS * 2**round_number)
            pending = self._uncompleted(pending)
            if self._remaining() < SETTLING:
                break
        for each in pending:
            self._lost += 1
            self._trouble("the effect happened, but the ledger doesn't know", each)
        return [
            self._shop.processing.end(
                each.opened, each.verdict, attempt=each.lease.attempt, duration_ms=round(each.duration_ms, 1)
            )
            for each in ended
        ]

    def _uncompleted(self, ended: Sequence[Ended]) -> list[Ended]:
        """Those whose completion the store didn't take; a lease that was lost meanwhile isn't among them."""
        try:
            answers = self._shop.ledger.complete([each.lease for each in ended])
        except Unavailable:
            return list(ended)
        for each, answer in zip(ended, answers, strict=True):
            if answer is False:
                self._trouble("the effect happened after its lease had ended", each)
        return [each for each, answer in zip(ended, answers, strict=True) if answer is None]

    def _follow(self, opened: Opened, first: Outcome | None) -> Settled:
        """What an equal key earlier in the batch means for its twin."""
        match first:
            case outcome.Retry(after=after, away=False) | outcome.Defer(after=after):
                return self._shop.processing.defer(opened, "its twin in this batch comes back", after=after)
            case None:
                return self._shop.processing.defer(opened, "its twin in this batch is a suspect", after=SOON)
        return self._shop.processing.end(opened, outcome.Done(duplicate=True))

    def _run_suspect(self, opened: Opened, suspect: Suspect, rest: Sequence[Delivery]) -> None:
        """Alone: if it kills this process too, it takes no neighbour with it."""
        self._start(partial(self._run_suspect_lane, opened, suspect, rest))
        self._collect(1)

    def _run_suspect_lane(self, opened: Opened, suspect: Suspect, rest: Sequence[Delivery]) -> None:
        settled = self._retake(opened, suspect)
        self._ends.put(settled)
        if isinstance(settled.outcome, outcome.Retry | outcome.Defer):
            self._hold_back(rest)
        else:
            self._run_lane(rest)

    def _retake(self, opened: Opened, suspect: Suspect) -> Settled:
        if suspect.crashes + 1 > self._shop.queue.max_crashes:
            return self._shop.processing.bury_crashed(opened, suspect)
        if self._remaining() < self._shop.queue.timeout + SETTLING:
            return self._shop.processing.defer(opened, "too little time left to run a suspect", after=SOON)
        try:
            answer = self._shop.ledger.take_over(suspect, lasts=self._remaining())
        except Unavailable as error:
            return self._shop.processing.defer(opened, str(error))
        if isinstance(answer, Suspect):
            return self._shop.processing.defer(opened, "somebody else took it over and died", after=SOON)
        if not isinstance(answer, Lease):
            return self._shop.processing.turn_away(opened, answer)
        return self._finished(self._attempt(opened, answer))

    def _settle(self, first: int, *, explicitly: bool) -> frozenset[str]:
        """Settle from the first-th on; explicitly where Lambda may never read our answer."""
        some = self._settled[first:]
        kept = self._shop.broker.settle(some)
        if explicitly:
            self._shop.broker.delete([each.delivery for each in some if each.delivery.id not in kept])
        return kept

    def _abandon(self, workers: int) -> None:
        """Time is up and handlers still run: cancel what can be, settle what has ended, and leave.

        Returning would freeze a running thread, and the next invocation would thaw it.
        """
        self._shop.call.cancel()
        while workers and (ends := self._ended_within(LAST_MOMENT)):
            workers -= self._take(ends)
        if not workers:
            return
        self._settle(0, explicitly=True)
        self._shop.log(
            Action.TROUBLE,
            what="a handler still runs at the deadline: this process ends",
            queue=self._shop.queue.name,
            handlers=workers,
        )
        self._shop.exit_process(1)

    def _trouble(self, what: str, ended: Ended) -> None:
        self._shop.log(
            Action.TROUBLE,
            what=what,
            queue=self._shop.queue.name,
            message_id=ended.opened.message.id,
            attempt=ended.lease.attempt,
        )
