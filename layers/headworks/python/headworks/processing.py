"""One delivery to one outcome: decode, expired?, lease, handler, judge.

The same for every transport and for everything that runs consumers.
"""

from __future__ import annotations

import traceback
from asyncio import CancelledError
from dataclasses import dataclass
from datetime import timedelta
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol, Self

import msgspec

from headworks import outcome
from headworks.brokers.broker import Settled
from headworks.context import Context, refuse_to_extend
from headworks.errors import HeadworksError, Unavailable, Undecodable
from headworks.ledger.ledger import Closed, Entry, Failure, Held, Lease, State
from headworks.letters import write_letter
from headworks.message import Carrier, decode
from headworks.outcome import Fault, Reason, judge
from headworks.payload import decode_payload
from headworks.queue import LONGEST_WAIT_IN_QUEUE
from headworks.retry import LONGEST_DEFERRAL, deferral
from headworks.telemetry import Action

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from types import TracebackType

    from headworks.announcements import Announcer
    from headworks.brokers.broker import Delivery
    from headworks.claim_check import ClaimCheck
    from headworks.clock import Clock
    from headworks.ledger.ledger import Letter, Suspect
    from headworks.message import Message
    from headworks.outcome import Outcome
    from headworks.queue import Queue
    from headworks.telemetry import Log


# Nobody needs a copy of it any more.
_OVER = frozenset({State.COMPLETED, State.CANCELLED})


class Books(Protocol):
    """Where ends that aren't Done are written down: a ledger, or what stands for one where the transport
    itself carries attempts and history.  See `Ledger`.
    """

    def retry(self, lease: Lease, failure: Failure, *, due: datetime) -> bool:
        """The attempt failed; another may start at `due`."""

    def wait(self, lease: Lease, failure: Failure, letter: Letter, *, due: datetime) -> bool:
        """The attempt failed, and the message leaves the queue until the next one."""

    def release(self, lease: Lease, *, due: datetime) -> bool:
        """The run didn't count."""

    def bury(
        self,
        entry: Entry,
        letter: Letter,
        *,
        reason: Reason,
        failure: Failure | None,
        holder: Lease | Suspect | None = None,
    ) -> State:
        """Dead."""


class Handed(Protocol):
    """A delivery, as far as lines of the log name it."""

    @property
    def name(self) -> str:
        """What to call the message where it doesn't name itself."""

    @property
    def receive_count(self) -> int:
        """How often it was handed out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A delivery whose message could be read."""

    delivery: Delivery
    message: Message[bytes]

    @property
    def entry(self) -> Entry:
        """What the ledger is asked about."""
        return Entry.of(self.message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A run of the handler that came to its end, and what that means; the ledger may not know yet."""

    opened: Opened
    lease: Lease
    verdict: Outcome
    failure: Failure | None
    duration_ms: float


class Boundary:
    """Around a run of a handler: whatever it raises is its outcome, and goes no further."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        match error:
            case None:
                return True
            case CancelledError():
                self.error = Cancelled(str(error) or "the handler was cancelled")
            case SystemExit():
                self.error = Exited(f"the handler asked to exit with {error.code!r}")
            case Exception():
                self.error = error
            case _:
                return False
        return True


class Processing:
    """One consumer's way of treating a delivery.  Safe to call from several threads at once.

    A wait of more than `longest_wait` leaves the queue.
    """

    def __init__(
        self,
        queue: Queue,
        consumer: str,
        run: Callable[[Message[Any], Context], None],
        *,
        ledger: Books,
        claim_check: ClaimCheck | None,
        clock: Clock,
        log: Log,
        version: str = "",
        announcer: Announcer | None = None,
        longest_wait: timedelta = LONGEST_WAIT_IN_QUEUE,
    ) -> None:
        self._queue = queue
        self._consumer = consumer
        self._run = run
        self._ledger = ledger
        self._claim_check = claim_check
        self._clock = clock
        self._log = log
        self._version = version
        self._announcer = announcer
        self._longest_wait = timedelta.max if queue.fifo else longest_wait

    def open(self, delivery: Delivery) -> Opened | Settled:
        """Read a delivery.  One that can't be read, or came too late, is dead and was never run."""
        try:
            message = message_in(delivery, self._queue)
        except Undecodable as error:
            unread = Entry.unread(delivery.name, self._queue.name)
            return self._bury_unrun(delivery, None, unread, Reason.UNDECODABLE, error)
        if message.is_expired(self._clock.now()):
            return self._bury_unrun(delivery, message, Entry.of(message), Reason.EXPIRED, None)
        return Opened(delivery=delivery, message=message)

    def turn_away(self, opened: Opened, answer: Closed | Held | None) -> Settled:
        """What the ledger's answer means for a delivery that it lets nobody run."""
        match answer:
            case Closed(state=State.COMPLETED):
                return self.end(opened, outcome.Done(duplicate=True))
            case Closed(state=State.DEAD):
                return self._still_dead(opened)
            case Closed(state=state):
                # Its item holds the message: this copy of it has nothing left to do.
                return self.end(opened, outcome.Done(duplicate=True), why=f"it is {state}")
            case Held(until=until, why=why):
                wait = min(max(until - self._clock.now(), timedelta(seconds=1)), LONGEST_DEFERRAL)
                return self.end(opened, outcome.Defer(after=wait, why=why))
        return self.defer(opened, "the ledger failed this key alone")

    def _still_dead(self, opened: Opened) -> Settled:
        """A copy of a dead letter: it is told of again, for whoever has buried it may have died before that."""
        try:
            self._announce(opened.entry)
        except Unavailable as error:
            return self.defer(opened, str(error))
        return self.end(opened, outcome.Done(duplicate=True), why=f"it is {State.DEAD}")

    def defer(self, opened: Opened, why: str, *, after: timedelta | None = None) -> Settled:
        """Not now, and not an attempt."""
        wait = deferral(opened.delivery.receive_count) if after is None else after
        return self.end(opened, outcome.Defer(after=wait, why=why))

    def give_back(self, opened: Opened, lease: Lease) -> Settled:
        """A leased run that has no time left to start."""
        try:
            self._ledger.release(lease, due=self._clock.now())
        except Unavailable as error:
            return self.defer(opened, str(error))
        return self.defer(opened, "too little time left in this invocation", after=timedelta(seconds=1))

    def run(
        self, opened: Opened, lease: Lease, *, remaining: Callable[[], timedelta], request_id: str = ""
    ) -> Ended:
        """Run the handler and judge its end."""
        self.tell_started(opened.delivery, opened.message, attempt=lease.attempt_of_series)
        started = perf_counter()
        with Boundary() as boundary:
            context = self.context(opened.message, lease, remaining)
            self._run(self.whole(of_generation(opened.message, lease.generation)), context)
        duration_ms = (perf_counter() - started) * 1000
        return self.judged(opened, lease, boundary.error, duration_ms, request_id=request_id)

    def whole(self, message: Message[bytes]) -> Message[Any]:
        """The message with its payload, wherever that lay.  Raises `Undecodable`, `MissingObject`, `Unavailable`."""
        whole = message if self._claim_check is None else self._claim_check.check_out(message)
        return whole.with_data(decode_payload(whole.data, self._queue.payload, where=self._queue.name))

    def judged(
        self,
        opened: Opened,
        lease: Lease,
        error: Exception | None,
        duration_ms: float,
        *,
        request_id: str = "",
    ) -> Ended:
        """What the end of a run means."""
        verdict = judge(
            error,
            attempt=lease.attempt_of_series,
            receive_count=opened.delivery.receive_count,
            policy=self._queue.retry,
        )
        failure = None
        if error is not None:
            failure = self._failure(lease.attempt, error, duration_ms, request_id=request_id)
        return Ended(opened=opened, lease=lease, verdict=verdict, failure=failure, duration_ms=duration_ms)

    def context(
        self,
        message: Message[bytes],
        lease: Lease,
        remaining: Callable[[], timedelta],
        extend: Callable[[timedelta], None] = refuse_to_extend,
    ) -> Context:
        """What a handler that asks for it is given beside its message."""
        message = of_generation(message, lease.generation)
        return Context(
            queue=self._queue.name,
            consumer=self._consumer,
            message_id=message.id,
            idempotency_key=message.idempotency_key,
            attempt=lease.attempt_of_series,
            max_attempts=self._queue.retry.max_attempts,
            remaining_time=remaining,
            extend=extend,
            history=lease.history,
            traceparent=message.traceparent,
            logger=self._log.for_handler(
                queue=self._queue.name,
                consumer=self._consumer,
                message_id=message.id,
                attempt=lease.attempt_of_series,
                traceparent=message.traceparent,
            ),
        )

    def record(self, ended: Ended) -> Settled:
        """Write down an end that isn't Done; where the ledger can't, the message stays where it is."""
        try:
            verdict = self._recorded(ended)
        except Unavailable as error:
            # The lease ends by itself, and the next delivery finds out.
            wait = deferral(ended.opened.delivery.receive_count)
            verdict = outcome.Defer(after=wait, why=str(error))
        return self.end(
            ended.opened,
            verdict,
            attempt=ended.lease.attempt_of_series,
            duration_ms=round(ended.duration_ms, 1),
        )

    def bury_crashed(self, opened: Opened, suspect: Suspect) -> Settled:
        """Give a message up whose owners keep dying."""
        try:
            letter = self._letter(opened.delivery, opened.message)
            buried = self._ledger.bury(
                opened.entry, letter, reason=Reason.CRASHED, failure=None, holder=suspect
            )
            if buried is State.DEAD:
                self._announce(opened.entry)
        except Unavailable as error:
            return self.defer(opened, str(error))
        if buried in _OVER:
            return self.end(opened, outcome.Done(duplicate=True))
        if buried is not State.DEAD:
            return self.defer(opened, "somebody else took it over")
        return self.end(opened, outcome.Dead(reason=Reason.CRASHED), attempt=suspect.attempt_of_series)

    def tell_started(self, handed: Handed, message: Message[bytes], *, attempt: int) -> None:
        """A run of the handler begins."""
        # Most are nobody's news, and a worker starts a hundred thousand a second.
        if self._log.wants(Action.STARTED):
            self._tell(Action.STARTED, handed, message, attempt=attempt)

    def tell_done(self, handed: Handed, message: Message[bytes], *, attempt: int, duration_ms: float) -> None:
        """It came to its end, and the effect happened."""
        if not self._log.wants(Action.DONE):
            return
        self._tell(
            Action.DONE,
            handed,
            message,
            duplicate=None,
            attempt=attempt,
            duration_ms=round(duration_ms, 1),
        )

    def end(self, opened: Opened, verdict: Outcome, **fields: Any) -> Settled:
        """Tell an outcome and make it what the broker settles."""
        return self._settled(opened.delivery, opened.message, verdict, **fields)

    def _recorded(self, ended: Ended) -> Outcome:
        """The outcome after the ledger knows of it."""
        lease, failure = ended.lease, ended.failure
        match ended.verdict:
            case outcome.Retry(after=after, error=error) if failure is not None:
                due = self._clock.now() + after
                if after <= self._longest_wait:
                    took = self._ledger.retry(lease, failure, due=due)
                    return ended.verdict if took else self._too_late(ended)
                letter = self._letter(ended.opened.delivery, ended.opened.message, waits=True)
                took = self._ledger.wait(lease, failure, letter, due=due)
                return outcome.Retry(after=after, error=error, away=True) if took else self._too_late(ended)
            case outcome.Defer(after=after):
                self._ledger.release(lease, due=self._clock.now() + after)
            case outcome.Dead(reason=reason):
                letter = self._letter(ended.opened.delivery, ended.opened.message)
                state = self._ledger.bury(lease.entry, letter, reason=reason, failure=failure, holder=lease)
                if state in _OVER:
                    return outcome.Done(duplicate=True)
                if state is not State.DEAD:
                    return self._too_late(ended)
                self._announce(lease.entry)
        return ended.verdict

    def _too_late(self, ended: Ended) -> Outcome:
        """Its lease has ended, and somebody else decides: letting go of the message could take it from them."""
        wait = deferral(ended.opened.delivery.receive_count)
        return outcome.Defer(after=wait, why="its lease had ended before it did")

    def _bury_unrun(
        self,
        delivery: Delivery,
        message: Message[bytes] | None,
        entry: Entry,
        reason: Reason,
        error: HeadworksError | None,
    ) -> Settled:
        failure = None if error is None else self._failure(0, error, 0)
        try:
            letter = self._letter(delivery, message)
            state = self._ledger.bury(entry, letter, reason=reason, failure=failure)
            if state is State.DEAD:
                self._announce(entry)
        except Unavailable as trouble:
            wait = deferral(delivery.receive_count)
            return self._settled(delivery, message, outcome.Defer(after=wait, why=str(trouble)))
        if state is not State.DEAD:
            # A copy of it was in time: completed, or at work now.
            return self._settled(delivery, message, outcome.Done(duplicate=True))
        return self._settled(delivery, message, outcome.Dead(reason=reason, error=error))

    def _announce(self, entry: Entry) -> None:
        if self._announcer is not None:
            self._announcer.announce(entry)

    def _letter(self, delivery: Delivery, message: Message[bytes] | None, *, waits: bool = False) -> Letter:
        return write_letter(self._claim_check, delivery, message, waits=waits)

    def _failure(
        self, attempt: int, error: BaseException, duration_ms: float, *, request_id: str = ""
    ) -> Failure:
        expected = isinstance(error, HeadworksError)
        return Failure(
            attempt=attempt,
            at=self._clock.now(),
            error_type=type(error).__name__,
            error=str(error),
            stack="" if expected else "".join(traceback.format_exception(error)),
            duration_ms=int(duration_ms),
            version=self._version,
            request_id=request_id,
            fault=error.fault if isinstance(error, HeadworksError) else Fault.PIPELINE,
        )

    def _settled(
        self, delivery: Delivery, message: Message[bytes] | None, verdict: Outcome, **fields: Any
    ) -> Settled:
        match verdict:
            case outcome.Done(duplicate=duplicate):
                self._tell(Action.DONE, delivery, message, duplicate=duplicate or None, **fields)
            case outcome.Retry(after=after, error=error):
                seconds = int(after.total_seconds())
                self._tell(Action.RETRY, delivery, message, after_seconds=seconds, error=error, **fields)
            case outcome.Defer(after=after, why=why):
                seconds = int(after.total_seconds())
                self._tell(Action.DEFERRED, delivery, message, after_seconds=seconds, why=why, **fields)
            case outcome.Dead(reason=reason, error=error):
                self._tell(Action.DEAD, delivery, message, reason=str(reason), error=error, **fields)
        return Settled(delivery=delivery, outcome=verdict, message=message)

    def _tell(self, action: Action, delivery: Handed, message: Message[bytes] | None, **fields: Any) -> None:
        self._log(
            action,
            queue=self._queue.name,
            consumer=self._consumer,
            message_id=message.id if message else delivery.name,
            max_attempts=self._queue.retry.max_attempts,
            receive_count=delivery.receive_count,
            traceparent=message.traceparent if message else None,
            **fields,
        )


def message_in(delivery: Delivery, queue: Queue) -> Message[bytes]:
    """The message that a delivery brings.  Raises `Undecodable`."""
    carrier = Carrier(
        queue=queue.name, id=delivery.name, sent_at=delivery.sent_at, ordering_key=delivery.ordering_key
    )
    return decode(delivery.body, carrier=carrier, key_path=queue.key_path)


def of_generation(message: Message[bytes], generation: int) -> Message[bytes]:
    """A message as its handler sees it: what runs again though it was completed is another effect."""
    if not generation:
        return message
    return msgspec.structs.replace(message, idempotency_key=f"{message.idempotency_key}.again{generation}")


class Cancelled(Exception):
    """A handler's task was cancelled, at its deadline or by itself: a failed attempt like any other."""


class Exited(Exception):
    """A handler called `sys.exit()`: a failed attempt like any other; in a thread it ends no process."""
