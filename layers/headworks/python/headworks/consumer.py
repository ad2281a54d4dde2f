"""The Lambda consumer of a queue: an ordinary `handler(event, context)`."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType

from headworks import wiring
from headworks.batch import Batch
from headworks.brokers.record import delivery_of
from headworks.call import Call
from headworks.clock import SystemClock
from headworks.errors import HeadworksError, InvalidDeclaration
from headworks.upkeep import asked_by_hand, is_drain
from headworks.workshop import workshop_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from headworks.batch import Result, Workshop
    from headworks.brokers.broker import Delivery
    from headworks.clock import Clock
    from headworks.draining import Drain, Stream
    from headworks.queue import Queue
    from headworks.wiring import ConsumerParts

    class ByHand(PartialItemFailureResponse):
        """What a drain took when an operator asked for it, and what of that failed."""

        taken: list[str]


_CONSUMPTION = "headworks_consumption"


def Consumer(  # noqa: N802 - to its user it is a thing, not a deed
    queue: Queue,
    handle: Callable[..., Awaitable[None] | None],
    *,
    name: str | None = None,
    in_batches: bool = False,
    parts: ConsumerParts | None = None,
    clock: Clock | None = None,
    stream: Callable[[], Stream] | None = None,
) -> Callable[[Mapping[str, Any], LambdaContext], PartialItemFailureResponse]:
    """A Lambda handler that takes a queue's batches and runs `handle` for each message.

    `handle` takes a message, or a message and a `Context`; it may be `def` or `async def`.
    The records of a batch run concurrently, as many at once as the queue declares.

    With `in_batches` it is run once for a batch, and takes a sequence of messages, or that and a
    `BatchContext`: all that may run now.  When it returns all of them are done, when it raises all
    of them have failed, and `Failed` names those that have, each with its error.  What can't be
    read, came too late or was done before isn't among them, and what a process has died at comes
    alone.  Declare the queue's `timeout` for a whole batch, and a `concurrency` of `batch_size`.

    Started by a schedule it drains the queue's stream on Redis, until its successor does.

    `parts` are the stores and the transport, `stream` is where a drain takes messages; without
    them they are made from the function's settings.  `name` is needed only where a queue has several consumers.

    What comes back is an ordinary function: Powertools' middlewares wrap nothing else.
    """
    batches = _Batches(
        queue, handle, name or queue.consumers[0], in_batches, parts, clock or SystemClock(), stream
    )

    def handler(event: Mapping[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
        return batches.answer(event, context)

    # For whoever runs the same consumer elsewhere: see `consumption_of`.
    vars(handler)[_CONSUMPTION] = batches.consumption
    return handler


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumption:
    """What a consumer's function was made of."""

    queue: Queue
    consumer: str
    handle: Callable[..., Awaitable[None] | None]
    in_batches: bool
    parts: ConsumerParts


def consumption_of(handler: object) -> Consumption | None:
    """What a handler that `Consumer` made consumes, also through decorators that keep its attributes."""
    found = getattr(handler, _CONSUMPTION, None)
    return found if isinstance(found, Consumption) else None


class _Batches:
    """One consumer's batches."""

    def __init__(
        self,
        queue: Queue,
        handle: Callable[..., Awaitable[None] | None],
        consumer: str,
        in_batches: bool,
        parts: ConsumerParts | None,
        clock: Clock,
        stream: Callable[[], Stream] | None,
    ) -> None:
        if in_batches and queue.fifo:
            raise InvalidDeclaration(
                f"{queue.name}: a handler of batches has no order to keep, and the queue is fifo: "
                "let it take one message at a time"
            )
        self._queue = queue
        self._consumer = consumer
        self._in_batches = in_batches
        self._parts = parts or wiring.consumer_parts(queue, consumer)
        self._clock = clock
        self._stream = stream or (lambda: wiring.stream(queue, consumer, self._parts))
        self.consumption = Consumption(
            queue=queue, consumer=consumer, handle=handle, in_batches=in_batches, parts=self._parts
        )
        self._workshop = workshop_of(
            queue,
            consumer,
            Call(handle, timeout=queue.timeout),
            self._parts,
            clock=clock,
            concurrency=queue.concurrency,
        )

    def answer(self, event: Mapping[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
        """Process a batch and answer which of its records SQS must hand out again."""
        self._parts.log.begin(context)
        if is_drain(event):
            self._drain(context)
            return {"batchItemFailures": []}
        if (most := asked_by_hand(event)) is not None:
            return self._process(most, context)
        try:
            records = event["Records"]
        except (KeyError, TypeError) as error:
            raise NotABatch(
                f"{self._queue.name}: the event has no Records: is this function mapped to a queue?"
            ) from error
        if not records:
            return {"batchItemFailures": []}
        batch = _ConcurrentBatch(lambda some: self._work(some, context))
        with batch(records=records, handler=self._work):
            batch.process()
        return batch.response()

    def _drain(self, context: LambdaContext) -> None:
        """Take what comes over Redis for as long as a drain lives."""
        with self._draining(context) as (drain, work):
            drain.run(work, remaining=_remaining(context))

    def _process(self, most: int, context: LambdaContext) -> ByHand:
        """Take so many of the messages that are on Redis, paused or not, and tell what became of them."""
        with self._draining(context, heeds_pause=False) as (drain, work):
            done = drain.run_once(work, most=min(most, self._queue.batch_size), remaining=_remaining(context))
        failed = [each for each, is_done in done.items() if not is_done]
        return {"taken": list(done), "batchItemFailures": [{"itemIdentifier": each} for each in failed]}

    @contextmanager
    def _draining(
        self, context: LambdaContext, *, heeds_pause: bool = True
    ) -> Iterator[tuple[Drain, Callable[[Sequence[Delivery]], Result]]]:
        """A drain, and how a batch of it is worked on."""
        # Imported here: a consumer on SQS doesn't pay for it.
        from headworks.draining import Drain, batch_time

        drain = Drain(self._queue, self._consumer, self._stream(), clock=self._clock, heeds_pause=heeds_pause)
        workshop = workshop_of(
            self._queue,
            self._consumer,
            self._workshop.call,
            drain.parts(self._parts),
            clock=self._clock,
            concurrency=self._queue.concurrency,
            # However long a wait is, it is spent in Redis.
            longest_wait=timedelta.max,
        )
        remaining = _remaining(context)

        def work(deliveries: Sequence[Delivery]) -> Result:
            time_left = batch_time(remaining, self._queue, monotonic)
            return self._run(self._batch(workshop, time_left, context), deliveries)

        try:
            yield drain, work
        finally:
            workshop.pool.shutdown(wait=False)
            workshop.clerks.shutdown(wait=False)

    def _work(self, records: list[dict[str, Any]], context: LambdaContext) -> frozenset[str]:
        """Run the records, and name those that stay on the queue."""
        batch = self._batch(self._workshop, _remaining(context), context)
        return self._run(batch, [delivery_of(record) for record in records]).kept

    def _run(self, batch: Batch, deliveries: Sequence[Delivery]) -> Result:
        result = batch.run(deliveries)
        self._parts.counts(result.outcomes, result.durations_ms)
        return result

    def _batch(self, workshop: Workshop, remaining: Callable[[], timedelta], context: LambdaContext) -> Batch:
        request_id = context.aws_request_id
        if not self._in_batches:
            return Batch(workshop, remaining, request_id=request_id)
        # Imported here: a consumer of single messages doesn't pay for it.
        from headworks.whole_batch import WholeBatch

        return WholeBatch(workshop, remaining, consumer=self._consumer, request_id=request_id)


class NotABatch(HeadworksError):
    """An invocation that didn't come from a queue."""


class _ConcurrentBatch(BatchProcessor):
    """Powertools' batch with its records at work at the same time; all of them failing is a response, not an error."""

    def __init__(self, work: Callable[[list[dict[str, Any]]], frozenset[str]]) -> None:
        super().__init__(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
        self._work = work

    def process(self) -> list[tuple[Any, ...]]:
        kept = self._work(self.records)
        return [self._report(record, record["messageId"] in kept) for record in self.records]

    def _report(self, record: dict[str, Any], stays: bool) -> tuple[Any, ...]:
        data = self._to_batch_type(record, event_type=self.event_type)
        if stays:
            return self.failure_handler(data, (None, None, None))
        return self.success_handler(data, None)


def _remaining(context: LambdaContext) -> Callable[[], timedelta]:
    return lambda: timedelta(milliseconds=context.get_remaining_time_in_millis())
