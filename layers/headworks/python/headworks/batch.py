"""A batch of deliveries: leases in bulk, handlers side by side, completions in groups, suspects last."""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from headworks import outcome
from headworks.brokers.broker import Settled
from headworks.chunks import chunks
from headworks.completions import SETTLING, Completions
from headworks.errors import Unavailable
from headworks.ledger.ledger import MOST_AT_ONCE, Lease, Suspect
from headworks.processing import Ended, Opened
from headworks.telemetry import Action

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headworks.brokers.broker import Broker, Delivery
    from headworks.call import Call
    from headworks.ledger.ledger import Answer, Ledger
    from headworks.outcome import Outcome
    from headworks.processing import Processing
    from headworks.queue import Queue
    from headworks.telemetry import Log

NOW = timedelta(0)
SOON = timedelta(seconds=1)
LAST_MOMENT = timedelta(milliseconds=500)
# How long a finished effect waits for its neighbours, to be recorded together with them.
LULL = timedelta(milliseconds=2)
# Leases are asked for in lots, a few at a time: completions always find a clerk.
LOTS_AT_ONCE = 4
CLERKS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What a batch works with; the same for every batch of a consumer.

    `pool` runs handlers, `clerks` ask the ledger meanwhile.  `exit_process` ends a process
    whose handler can't be stopped, `pause` waits between tries of a completion.
    """

    queue: Queue
    processing: Processing
    call: Call
    pool: ThreadPoolExecutor
    clerks: ThreadPoolExecutor
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

    @property
    def outcomes(self) -> Counter[str]:
        """How many came to what, by its name; and completions that couldn't be written down."""
        counted = Counter(type(each.outcome).__name__ for each in self.settled)
        if self.completions_lost:
            counted["CompletionLost"] = self.completions_lost
        return counted


@dataclass(frozen=True, slots=True)
class _Over:
    """A worker's last word."""

    crew: ThreadPoolExecutor


@dataclass(frozen=True, slots=True)
class _Lot:
    """What the ledger said to those that asked for a lease together; or why it said nothing."""

    asked: Sequence[Opened]
    answers: Sequence[Answer | None] | Unavailable


# What threads tell the one that runs the batch, and that changes its state.
_Event = Settled | Ended | _Lot | _Over | None


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
        self._events: SimpleQueue[_Event] = SimpleQueue()
        self._at_work: Counter[ThreadPoolExecutor] = Counter()
        self._lots: deque[list[Opened]] = deque()
        # Effects that the ledger isn't told of yet, and until when it must be.
        self._unrecorded: list[Ended] = []
        self._record_by = 0.0
        self._completions = Completions(workshop, remaining)

    def look_again(self) -> None:
        """How much time there is has changed.  For another thread."""
        self._events.put(None)

    def _lasts(self) -> timedelta:
        """How long a lease is taken for: until this invocation is over."""
        return self._remaining()

    def _run_time(self) -> Callable[[], timedelta]:
        """What a run that begins now may still use, as its handler asks."""
        return self._remaining

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
            completions_lost=self._completions.lost,
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
        self._lots.extend(chunks(firsts.values(), MOST_AT_ONCE))
        for _ in range(LOTS_AT_ONCE):
            self._lease_next_lot()
        self._run_leased()
        verdicts = {each.message.idempotency_key: each.outcome for each in self._settled if each.message}
        for opened in followers:
            self._settled.append(self._follow(opened, verdicts.get(opened.message.idempotency_key)))

    def _run_ordered(self, deliveries: Sequence[Delivery]) -> None:
        """Ordering keys side by side, the messages of each one after the other."""
        lanes: dict[str | None, list[Delivery]] = {}
        for delivery in deliveries:
            lanes.setdefault(delivery.ordering_key, []).append(delivery)
        for lane in lanes.values():
            self._start(self._shop.pool, partial(self._run_lane, lane))
        self._collect()

    def _lease_next_lot(self) -> None:
        if self._lots:
            self._start(self._shop.clerks, partial(self._lease, self._lots.popleft()))

    def _lease(self, lot: Sequence[Opened]) -> None:
        answers: Sequence[Answer | None] | Unavailable
        try:
            answers = self._shop.ledger.lease([each.entry for each in lot], lasts=self._lasts())
        except Unavailable as error:
            answers = error
        self._events.put(_Lot(lot, answers))

    def _admit(self, lot: _Lot) -> None:
        """Run what is leased; what isn't is settled, or a suspect."""
        self._lease_next_lot()
        if isinstance(lot.answers, Unavailable):
            self._settled += [self._shop.processing.defer(each, str(lot.answers)) for each in lot.asked]
            return
        for opened, answer in zip(lot.asked, lot.answers, strict=True):
            if isinstance(answer, Lease):
                self._take_on(opened, answer)
            elif isinstance(answer, Suspect):
                self._suspects.append((opened, answer, []))
            else:
                self._settled.append(self._shop.processing.turn_away(opened, answer))

    def _take_on(self, opened: Opened, lease: Lease) -> None:
        """Run what is leased."""
        self._start(self._shop.pool, partial(self._run_one, opened, lease))

    def _run_leased(self) -> None:
        """Bring whatever can be leased to its end."""
        self._collect()

    def _start(self, crew: ThreadPoolExecutor, work: Callable[[], None]) -> None:
        """Have a thread of the crew do a worker's work; its last word comes whatever happens."""

        def worker() -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - what it was working on stays on the queue
                self._shop.log(
                    Action.TROUBLE, what="a worker failed", queue=self._shop.queue.name, error=error
                )
            finally:
                self._events.put(_Over(crew))

        self._at_work[crew] += 1
        crew.submit(worker)

    def _run_one(self, opened: Opened, lease: Lease) -> None:
        self._events.put(self._attempt(opened, lease))

    def _run_lane(self, lane: Sequence[Delivery]) -> None:
        """One ordering key's messages, up to the first that must come back; the rest comes back behind it."""
        for position, delivery in enumerate(lane):
            rest = lane[position + 1 :]
            opened = self._shop.processing.open(delivery)
            settled = opened if isinstance(opened, Settled) else self._step(opened, rest)
            if settled is None:
                return
            self._events.put(settled)
            if isinstance(settled.outcome, outcome.Retry | outcome.Defer):
                self._hold_back(rest)
                return

    def _step(self, opened: Opened, rest: Sequence[Delivery]) -> Settled | None:
        """One message of a lane, recorded before the next one starts; none if it has to wait as a suspect."""
        try:
            [answer] = self._shop.ledger.lease([opened.entry], lasts=self._lasts())
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
            opened, lease, remaining=self._run_time(), request_id=self._request_id
        )
        self._durations.append(ended.duration_ms)
        return ended if isinstance(ended.verdict, outcome.Done) else self._shop.processing.record(ended)

    def _finished(self, end: Ended | Settled) -> Settled:
        return end if isinstance(end, Settled) else self._completions.tell([end])[0]

    def _hold_back(self, rest: Sequence[Delivery]) -> None:
        """Visible again at once: while one of them is hidden, SQS hands out nothing of its group."""
        for delivery in rest:
            verdict = outcome.Defer(after=NOW, why="an earlier message of its ordering key comes back first")
            self._events.put(Settled(delivery=delivery, outcome=verdict))

    def _collect(self) -> None:
        """Take what comes until nobody is at work; what finishes close together is completed together."""
        while self._at_work.total():
            came = self._take_within(self._patience())
            if self._unrecorded:
                self._record_in_time()
            elif not came:
                self._abandon()
                return

    def _record_in_time(self) -> None:
        is_full = len(self._unrecorded) >= MOST_AT_ONCE
        if is_full or not self._at_work[self._shop.pool] or time.monotonic() >= self._record_by:
            self._record()

    def _patience(self) -> float:
        """Seconds for which nothing may happen."""
        if self._unrecorded:
            return self._record_by - time.monotonic()
        return (self._remaining() - SETTLING).total_seconds()

    def _take_within(self, seconds: float | None) -> bool:
        """Take one event; false if none comes in time."""
        try:
            event = self._events.get(timeout=None if seconds is None else max(seconds, 0.001))
        except Empty:
            return False
        match event:
            case Settled():
                self._settled.append(event)
            case Ended():
                self._await_neighbours(event)
            case _Lot():
                self._admit(event)
            case _Over(crew):
                self._at_work[crew] -= 1
        return True

    def _await_neighbours(self, ended: Ended) -> None:
        if not self._unrecorded:
            self._record_by = time.monotonic() + LULL.total_seconds()
        self._unrecorded.append(ended)

    def _record(self) -> None:
        """Have a clerk complete what has finished; others go on finishing meanwhile."""
        if self._unrecorded:
            ended, self._unrecorded = self._unrecorded, []
            self._start(self._shop.clerks, partial(self._complete_together, ended))

    def _complete_together(self, ended: Sequence[Ended]) -> None:
        for settled in self._completions.tell(ended):
            self._events.put(settled)

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
        self._start(self._shop.pool, partial(self._run_suspect_lane, opened, suspect, rest))
        self._collect()

    def _run_suspect_lane(self, opened: Opened, suspect: Suspect, rest: Sequence[Delivery]) -> None:
        settled = self._retake(opened, suspect)
        self._events.put(settled)
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
            answer = self._shop.ledger.take_over(suspect, lasts=self._lasts())
        except Unavailable as error:
            return self._shop.processing.defer(opened, str(error))
        if isinstance(answer, Suspect):
            return self._shop.processing.defer(opened, "somebody else took it over and died", after=SOON)
        if not isinstance(answer, Lease):
            return self._shop.processing.turn_away(opened, answer)
        return self._finished(self._attempt(opened, answer))

    def _settle(self, first: int, *, explicitly: bool) -> frozenset[str]:
        """Settle from the first-th on; explicitly where Lambda may never read our answer."""
        return self._settle_these(self._settled[first:], explicitly=explicitly)

    def _settle_these(self, some: Sequence[Settled], *, explicitly: bool) -> frozenset[str]:
        kept = self._shop.broker.settle(some)
        if explicitly:
            self._shop.broker.delete([each.delivery for each in some if each.delivery.id not in kept])
        return kept

    def _abandon(self) -> None:
        """Time is up and handlers still run: cancel what can be, settle what has ended, and leave.

        Returning would freeze a running thread, and the next invocation would thaw it.
        """
        self._shop.call.cancel()
        # Clerks come to an end by themselves: the ledger's clients have time limits.
        while self._at_work.total():
            if not self._take_within(
                None if self._at_work[self._shop.clerks] else LAST_MOMENT.total_seconds()
            ):
                break
            self._record()
        handlers = self._at_work[self._shop.pool]
        if not handlers:
            return
        self._settle(0, explicitly=True)
        self._shop.log(
            Action.TROUBLE,
            what="a handler still runs at the deadline: this process ends",
            queue=self._shop.queue.name,
            handlers=handlers,
        )
        self._shop.exit_process(1)
