"""A batch whose handler takes all of it at once: a bulk write, one object for many events."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

from headworks import outcome
from headworks.batch import Batch
from headworks.chunks import chunks
from headworks.context import BatchContext
from headworks.errors import Failed, UnknownMessage
from headworks.ledger.ledger import MOST_AT_ONCE
from headworks.processing import Boundary, of_generation

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import timedelta

    from headworks.batch import Workshop
    from headworks.brokers.broker import Settled
    from headworks.ledger.ledger import Lease
    from headworks.message import Message
    from headworks.processing import Ended, Opened


@dataclass(frozen=True, slots=True, kw_only=True)
class _Leased:
    """A delivery that this batch may run."""

    opened: Opened
    lease: Lease


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ready:
    """One of them with its message as the handler gets it."""

    leased: _Leased
    message: Message[Any]


class WholeBatch(Batch):
    """A batch whose handler runs once, for everything that could be leased; suspects run alone, as ever."""

    def __init__(
        self,
        workshop: Workshop,
        remaining: Callable[[], timedelta],
        *,
        consumer: str,
        request_id: str = "",
    ) -> None:
        super().__init__(workshop, remaining, request_id=request_id)
        self._consumer = consumer
        self._leased: list[_Leased] = []
        # What the ledger is to hear when the handler has ended, by clerks: of those that are done, and of others.
        self._done: list[Ended] = []
        self._unwritten: list[Callable[[], Settled]] = []

    def _take_on(self, opened: Opened, lease: Lease) -> None:
        self._leased.append(_Leased(opened=opened, lease=lease))

    def _run_leased(self) -> None:
        self._collect()
        if not self._leased:
            return
        self._start(self._shop.pool, self._run_whole)
        self._collect()
        for some in chunks(self._done, MOST_AT_ONCE):
            self._start(self._shop.clerks, partial(self._complete_together, some))
        for write in self._unwritten:
            self._start(self._shop.clerks, partial(self._write, write))
        if self._done or self._unwritten:
            self._collect()

    def _run_whole(self) -> None:
        """Run the handler for all of them, or hand all of them back where no time is left to start."""
        processing = self._shop.processing
        if self._remaining() < self._shop.queue.timeout:
            self._unwritten += [
                partial(processing.give_back, each.opened, each.lease) for each in self._leased
            ]
            return
        for ended in self._ran(self._ready()):
            if isinstance(ended.verdict, outcome.Done):
                self._done.append(ended)
            else:
                self._unwritten.append(partial(processing.record, ended))

    def _ready(self) -> list[_Ready]:
        """Those whose messages can be had; the others come to their outcomes at once, whatever the handler does."""
        ready = []
        # Clerks, side by side: a large body is fetched from its bucket.
        for each in self._shop.clerks.map(self._unpacked, self._leased):
            if isinstance(each, _Ready):
                ready.append(each)
            else:
                self._events.put(each)
        return ready

    def _write(self, write: Callable[[], Settled]) -> None:
        self._events.put(write())

    def _attempt(self, opened: Opened, lease: Lease) -> Ended | Settled:
        """A suspect: a batch of one."""
        if self._remaining() < self._shop.queue.timeout:
            return self._shop.processing.give_back(opened, lease)
        ready = self._unpacked(_Leased(opened=opened, lease=lease))
        if not isinstance(ready, _Ready):
            return ready
        [ended] = self._ran([ready])
        return ended if isinstance(ended.verdict, outcome.Done) else self._shop.processing.record(ended)

    def _unpacked(self, leased: _Leased) -> _Ready | Settled:
        processing = self._shop.processing
        opened, lease = leased.opened, leased.lease
        processing.tell_started(opened.delivery, opened.message, attempt=lease.attempt_of_series)
        with Boundary() as boundary:
            message = processing.whole(of_generation(opened.message, lease.generation))
            return _Ready(leased=leased, message=message)
        return processing.record(self._judged(leased, boundary.error, duration_ms=0))

    def _ran(self, ready: Sequence[_Ready]) -> list[Ended]:
        """Each one's end of one run of the handler."""
        if not ready:
            return []
        context = self._context(ready)
        messages = [each.message for each in ready]
        started = perf_counter()
        with Boundary() as boundary:
            self._shop.call(messages, context)
        duration_ms = (perf_counter() - started) * 1000
        self._durations.append(duration_ms)
        errors = {} if boundary.error is None else self._errors(messages, boundary.error)
        return [
            self._judged(each.leased, errors.get(each.message), duration_ms=duration_ms) for each in ready
        ]

    def _errors(self, messages: Sequence[Message[Any]], error: Exception) -> Mapping[Message[Any], Exception]:
        """What each message failed with; those that aren't in it are done."""
        if not isinstance(error, Failed):
            return dict.fromkeys(messages, error)
        if strangers := error.errors.keys() - set(messages):
            unknown = UnknownMessage(self._shop.queue.name, sorted(each.id for each in strangers))
            return {**dict.fromkeys(messages, unknown), **error.errors}
        return error.errors

    def _judged(self, leased: _Leased, error: Exception | None, *, duration_ms: float) -> Ended:
        return self._shop.processing.judged(
            leased.opened, leased.lease, error, duration_ms, request_id=self._request_id
        )

    def _context(self, ready: Sequence[_Ready]) -> BatchContext:
        remaining = self._run_time()
        return BatchContext(
            queue=self._shop.queue.name,
            consumer=self._consumer,
            remaining_time=remaining,
            contexts={
                each.message: self._shop.processing.context(
                    each.leased.opened.message, each.leased.lease, remaining
                )
                for each in ready
            },
            logger=self._shop.log.for_handler(queue=self._shop.queue.name, consumer=self._consumer),
        )
