"""One delivery of Redis to its verdict: decode, expired?, run, judge."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING, Any

from headworks import outcome
from headworks.brokers.broker import Settled
from headworks.brokers.redis.broker import delivery_of
from headworks.brokers.redis.delivered import Finished
from headworks.errors import Undecodable
from headworks.ledger.ledger import Entry, Lease
from headworks.message import decode
from headworks.processing import Boundary, Cancelled, Opened, of_generation
from headworks.telemetry import Action
from headworks.working.allowance import GOES_ON, Allowance
from headworks.working.doubtful import SOON, Doubtful

if TYPE_CHECKING:
    from datetime import datetime

    from headworks.brokers.redis.delivered import Received, Verdict
    from headworks.brokers.redis.entry_ledger import EntryLedger
    from headworks.brokers.redis.verdicts import Verdicts
    from headworks.clock import Clock
    from headworks.context import Context
    from headworks.message import Message
    from headworks.processing import Processing
    from headworks.queue import Queue
    from headworks.telemetry import Log
    from headworks.working.handler import Handler
    from headworks.working.hooks import Hooks
    from headworks.working.tally import Tally


class Attempts:
    """Runs of one consumer's handler.  A delivery is its own lease, and brings attempts and history along."""

    def __init__(
        self,
        queue: Queue,
        handler: Handler,
        processing: Processing,
        verdicts: Verdicts,
        *,
        entries: EntryLedger,
        clock: Clock,
        log: Log,
        hooks: Hooks,
        tally: Tally,
    ) -> None:
        self._queue = queue
        self._handler = handler
        self._processing = processing
        self._verdicts = verdicts
        self.timeout = queue.timeout
        self._key_path = queue.key_path
        self._carrier = _Carrier(queue.name)
        self._entries = entries
        self._clock = clock
        self._log = log
        self._hooks = hooks
        self._tally = tally
        self._doubtful = Doubtful(queue, processing, entries, log=log)

    @property
    def are_cancellable(self) -> bool:
        """Whether a run can be ended before it ends by itself."""
        return self._handler.is_async

    async def run(self, received: Received) -> Verdict:
        """Bring a delivery to its verdict.  Raises only what is a fault of our own."""
        message = self._readable(received)
        if message is None:
            return await asyncio.to_thread(self._bury_unrun, received)
        if received.count == 1 and not received.kept:
            return await self._run(received, message, None)
        lease = await asyncio.to_thread(self._doubtful.lease, received, message)
        if isinstance(lease, Settled):
            self._tally.add({type(lease.outcome).__name__: 1}, ())
            return self._verdict(received, lease)
        return await self._run(received, message, lease)

    async def _run(self, received: Received, message: Message[bytes], asked: Lease | None) -> Verdict:
        """Run it; with the lease that was asked for, where that wasn't the delivery itself."""
        attempt = _attempt(received) if asked is None else asked.attempt_of_series
        self._processing.tell_started(received, message, attempt=attempt)
        time = _Time(self, message)
        whole: Message[Any] = message
        started = perf_counter()
        with Boundary() as boundary:
            if message.data_ref is None:
                whole = self._processing.whole(message)
            else:
                whole = await asyncio.to_thread(self._processing.whole, message)
            if asked is not None:
                whole = of_generation(whole, asked.generation)
            context = self._context(received, message, time, asked) if self._handler.takes_context else None
            await self._handler.run(whole, context, time)
        duration_ms = (perf_counter() - started) * 1000
        if boundary.error is None:
            if asked is not None:
                await asyncio.to_thread(self._doubtful.complete, asked)
                self._entries.let_go(received.message_id)
            self._processing.tell_done(received, message, attempt=attempt, duration_ms=duration_ms)
            self._tally.add_one("Done", duration_ms)
            self._hooks.processed(whole, duration_ms)
            return Finished(received)
        error = time.told(boundary.error)
        lease = asked or self._lease(received, message)
        opened = Opened(delivery=delivery_of(received), message=message)
        return await self._failed(received, opened, whole, lease, error, duration_ms)

    async def _failed(
        self,
        received: Received,
        opened: Opened,
        whole: Message[Any],
        lease: Lease,
        error: Exception,
        duration_ms: float,
    ) -> Verdict:
        ended = self._processing.judged(opened, lease, error, duration_ms)
        self._entries.take([received])
        # Keeping a dead letter may ask a store, and so may whatever ends of what is kept in one.
        may_ask = isinstance(ended.verdict, outcome.Dead) or received.kept
        record = self._processing.record
        settled = await asyncio.to_thread(record, ended) if may_ask else record(ended)
        self._tally.add_one(type(settled.outcome).__name__, duration_ms)
        if not isinstance(ended.verdict, outcome.Defer):
            self._hooks.failed(error, whole)
        return self._verdict(received, settled)

    def _readable(self, received: Received) -> Message[bytes] | None:
        """The message, unless nobody is to run it."""
        self._carrier.received = received
        try:
            message = decode(received.body, carrier=self._carrier, key_path=self._key_path)
        except Undecodable:
            return None
        if message.expires_at is not None and message.is_expired(self._clock.now()):
            return None
        return message

    def _bury_unrun(self, received: Received) -> Verdict:
        """Give up what can't be read, or came too late."""
        self._entries.take([received])
        opened = self._processing.open(delivery_of(received))
        if isinstance(opened, Opened):
            # A clock was set back meanwhile: it is in time after all.
            opened = self._processing.defer(opened, "it was too late a moment ago", after=SOON)
        self._tally.add({type(opened.outcome).__name__: 1}, ())
        return self._verdict(received, opened)

    def _verdict(self, received: Received, settled: Settled) -> Verdict:
        verdict = self._verdicts.of(received, settled)
        self._entries.let_go(received.message_id)
        return verdict

    def _context(
        self, received: Received, message: Message[bytes], time: _Time, asked: Lease | None
    ) -> Context:
        allowance = time.allowance()
        lease = asked or self._lease(received, message)
        return self._processing.context(message, lease, allowance.remaining, allowance.extend)

    def _lease(self, received: Received, message: Message[bytes]) -> Lease:
        past = received.past
        return Lease(
            entry=Entry.of(message),
            owner=f"{received.entry.decode()}/{received.count}",
            attempt=_attempt(received) + past.earlier,
            ends=self._clock.now() + self._queue.timeout,
            crashes=received.crashes,
            history=past.failures,
            earlier=past.earlier,
        )

    def tell_overdue(self, message: Message[bytes]) -> None:
        """Say that a thread takes longer than it may."""
        self._log(
            Action.TROUBLE,
            what=GOES_ON,
            queue=self._queue.name,
            message_id=message.id,
        )


class _Time:
    """The time of one run, which most of them never ask for."""

    __slots__ = ("_allowance", "_attempts", "_message")

    def __init__(self, attempts: Attempts, message: Message[bytes]) -> None:
        self._attempts = attempts
        self._message = message
        self._allowance: Allowance | None = None

    def allowance(self) -> Allowance:
        """What it may use."""
        if self._allowance is None:
            self._allowance = Allowance(self._attempts.timeout)
        return self._allowance

    def tell_overdue(self) -> None:
        """It takes longer, and nobody can stop it."""
        self._attempts.tell_overdue(self._message)

    def told(self, error: Exception) -> Exception:
        """The error, told as what it is where the time was used up."""
        if self._allowance is None or not self._allowance.is_used_up or not isinstance(error, Cancelled):
            return error
        return TimeoutError(f"the handler took longer than {self._attempts.timeout}")


class _Carrier:
    """What the entry that is read now knows of its message, for a body that names itself by nothing."""

    __slots__ = ("queue", "received")

    received: Received

    def __init__(self, queue: str) -> None:
        self.queue = queue

    @property
    def id(self) -> str:
        return self.received.message_id

    @property
    def sent_at(self) -> datetime:
        return self.received.sent_at

    @property
    def ordering_key(self) -> str | None:
        return self.received.ordering_key


def _attempt(received: Received) -> int:
    """Which attempt of its series this is: a lone run that killed its process was one, too."""
    if not received.state and received.count == 1:
        return 1
    past = received.past
    return past.attempts - past.earlier + received.crashes + 1
