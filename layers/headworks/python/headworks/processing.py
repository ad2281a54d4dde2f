"""One delivery to one outcome: decode, expired?, lease, handler, judge.

The same for every transport and for everything that runs consumers.
"""

from __future__ import annotations

from asyncio import CancelledError
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

from headworks import outcome
from headworks.brokers.broker import Settled
from headworks.context import Context
from headworks.errors import Unavailable, Undecodable
from headworks.ledger.ledger import Lease
from headworks.message import Carrier, decode
from headworks.outcome import Reason, judge
from headworks.payload import decode_payload
from headworks.retry import deferral
from headworks.telemetry import Action

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from headworks.brokers.broker import Delivery
    from headworks.claim_check import ClaimCheck
    from headworks.clock import Clock
    from headworks.ledger.ledger import Ledger
    from headworks.message import Message
    from headworks.outcome import Outcome
    from headworks.queue import Queue
    from headworks.telemetry import Log


@dataclass(frozen=True, slots=True, kw_only=True)
class Processed:
    """A settled delivery and how long its handler ran, if it ran."""

    settled: Settled
    duration_ms: float | None = None


class Processing:
    """One consumer's way of treating a delivery.  Safe to call from several threads at once."""

    def __init__(
        self,
        queue: Queue,
        consumer: str,
        run: Callable[[Message[Any], Context], None],
        *,
        ledger: Ledger,
        claim_check: ClaimCheck | None,
        clock: Clock,
        log: Log,
    ) -> None:
        self._queue = queue
        self._consumer = consumer
        self._run = run
        self._ledger = ledger
        self._claim_check = claim_check
        self._clock = clock
        self._log = log

    def process(self, delivery: Delivery, *, remaining: Callable[[], timedelta]) -> Processed:
        """Run the handler unless there is a reason not to; every end of it is an outcome.

        `remaining` tells how much time the whole invocation has left.
        """
        try:
            message = self._decode(delivery)
        except Undecodable as error:
            return self._end(delivery, None, outcome.Dead(reason=Reason.UNDECODABLE, error=error))
        if message.is_expired(self._clock.now()):
            return self._end(delivery, message, outcome.Dead(reason=Reason.EXPIRED))
        if remaining() < self._queue.timeout:
            why = "too little time left in this invocation"
            return self._end(delivery, message, outcome.Defer(after=deferral(1), why=why))
        try:
            lease = self._ledger.lease(message.idempotency_key, ends=remaining())
        except Unavailable as error:
            return self._end(delivery, message, _deferred(delivery, str(error)))
        if lease is Lease.COMPLETED:
            return self._end(delivery, message, outcome.Done(duplicate=True))
        if lease is Lease.HELD_ELSEWHERE:
            return self._end(delivery, message, _deferred(delivery, "its key is being processed elsewhere"))
        return self._attempt(delivery, message, remaining)

    def _attempt(
        self, delivery: Delivery, message: Message[bytes], remaining: Callable[[], timedelta]
    ) -> Processed:
        self._tell(Action.STARTED, delivery, message)
        started = perf_counter()
        error = self._handle(delivery, message, remaining)
        duration_ms = (perf_counter() - started) * 1000
        verdict = judge(
            error,
            attempt=_attempt_of(delivery),
            receive_count=delivery.receive_count,
            policy=self._queue.retry,
        )
        self._record(message, verdict)
        return self._end(delivery, message, verdict, duration_ms)

    def _handle(
        self, delivery: Delivery, message: Message[bytes], remaining: Callable[[], timedelta]
    ) -> Exception | None:
        """The exception that the attempt ended with, if any: the one boundary where every kind is caught."""
        context = Context(
            queue=self._queue.name,
            consumer=self._consumer,
            message_id=message.id,
            idempotency_key=message.idempotency_key,
            attempt=_attempt_of(delivery),
            max_attempts=self._queue.retry.max_attempts,
            remaining_time=remaining,
        )
        try:
            whole = message if self._claim_check is None else self._claim_check.check_out(message)
            payload = decode_payload(whole.data, self._queue.payload, where=self._queue.name)
            self._run(whole.with_data(payload), context)
        except CancelledError as error:
            return _Cancelled(str(error) or "the handler was cancelled")
        except Exception as error:  # noqa: BLE001 - whatever a handler raises is its outcome
            return error
        return None

    def _record(self, message: Message[bytes], verdict: Outcome) -> None:
        """Tell the ledger how the attempt ended.

        Done stays done when the store doesn't hear of it: the effect has happened, and
        running it again would be the worse end.
        """
        try:
            if isinstance(verdict, outcome.Done):
                self._ledger.complete(message.idempotency_key)
            else:
                self._ledger.release(message.idempotency_key)
        except Unavailable as error:
            self._log(
                Action.TROUBLE,
                what="the ledger doesn't know how this attempt ended",
                queue=self._queue.name,
                consumer=self._consumer,
                message_id=message.id,
                error=error,
            )

    def _decode(self, delivery: Delivery) -> Message[bytes]:
        carrier = Carrier(
            queue=self._queue.name,
            id=delivery.id,
            sent_at=delivery.sent_at,
            ordering_key=delivery.ordering_key,
        )
        return decode(delivery.body, carrier=carrier, key_path=self._queue.key_path)

    def _end(
        self,
        delivery: Delivery,
        message: Message[bytes] | None,
        verdict: Outcome,
        duration_ms: float | None = None,
    ) -> Processed:
        fields: dict[str, Any] = {} if duration_ms is None else {"duration_ms": round(duration_ms, 1)}
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
        settled = Settled(delivery=delivery, outcome=verdict, message=message, attempt=_attempt_of(delivery))
        return Processed(settled=settled, duration_ms=duration_ms)

    def _tell(
        self, action: Action, delivery: Delivery, message: Message[bytes] | None, **fields: Any
    ) -> None:
        self._log(
            action,
            queue=self._queue.name,
            consumer=self._consumer,
            message_id=message.id if message else delivery.id,
            attempt=_attempt_of(delivery),
            max_attempts=self._queue.retry.max_attempts,
            receive_count=delivery.receive_count,
            traceparent=message.traceparent if message else None,
            **fields,
        )


class _Cancelled(Exception):
    """A handler's task was cancelled: a failed attempt like any other."""


def _attempt_of(delivery: Delivery) -> int:
    """Which attempt a delivery is.  SQS's receive count is the nearest thing to it that a queue alone knows."""
    return max(delivery.receive_count, 1)


def _deferred(delivery: Delivery, why: str) -> outcome.Defer:
    return outcome.Defer(after=deferral(delivery.receive_count), why=why)
