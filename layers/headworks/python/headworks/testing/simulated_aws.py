"""SQS and Lambda in this process, on a clock that a test moves."""

from __future__ import annotations

import json
import threading
import uuid
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property, partial
from random import Random
from typing import TYPE_CHECKING, Any

from headworks.errors import HeadworksError
from headworks.testing.agenda import Agenda
from headworks.testing.clock import MovingClock
from headworks.testing.environment import Environment
from headworks.testing.execution import Executions
from headworks.testing.function import DEFAULT_TIMEOUT, SimulatedFunction
from headworks.testing.mapping import NO_WINDOW, EventSourceMapping, MappingSettings
from headworks.testing.sqs.client import sqs_client
from headworks.testing.sqs.service import SqsService
from headworks.upkeep import BURY_CRASHED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from types import TracebackType

    from mypy_boto3_sqs import SQSClient

    from headworks.queue import Queue
    from headworks.testing.function import Invocation
    from headworks.testing.sqs.queue import SimulatedQueue
    from headworks.testing.sqs.quirks import Quirks

    Handler = Callable[[dict[str, Any], Any], Any]

DAY = timedelta(days=1)
NO_TIME = timedelta(0)
DEFAULT_VISIBILITY = timedelta(seconds=30)
DEFAULT_RETENTION = timedelta(days=4)
LONGEST_RETENTION = timedelta(days=14)


class NotIdle(HeadworksError):
    """Something was still to happen when the limit was reached."""


class SimulatedAws:
    """Queues, functions, and the mappings between them.

    `invocations` are those of all functions, in the order in which they began.

    Nothing happens by itself: time passes in `run_for`, `run_until_idle` and `step`, and
    while a handler calls `clock.advance`.  Everything random comes from the seed.  Use it in
    a `with` block, or call `close`, where a test may end while handlers still run.
    """

    def __init__(self, clock: MovingClock | None = None, *, seed: int = 0) -> None:
        self.clock = clock or MovingClock()
        self.clock.keep(self)
        self.invocations: list[Invocation] = []
        self._random = Random(seed)  # noqa: S311 - to be repeatable is its purpose
        lock = threading.RLock()
        self._agenda = Agenda(self.clock, lock)
        self._executions = Executions(self.clock, self._agenda)
        self._sqs = SqsService(self.clock, self._agenda, self._random, self._new_id, lock)
        self._is_moving = False
        self._is_open = False

    def __enter__(self) -> SimulatedAws:
        self._is_open = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill what still runs."""
        self._executions.kill_all()

    @cached_property
    def client(self) -> SQSClient:
        """A boto3 client of this SQS: give it to the code under test."""
        return sqs_client(self._sqs, self._catch_up)

    @property
    def queues(self) -> dict[str, SimulatedQueue]:
        """Every queue, by its name."""
        return self._sqs.queues

    def queue(
        self,
        name: str,
        *,
        fifo: bool = False,
        visibility_timeout: timedelta = DEFAULT_VISIBILITY,
        delay: timedelta = NO_TIME,
        retention: timedelta = DEFAULT_RETENTION,
        max_receive_count: int | None = None,
        content_based_deduplication: bool = False,
        quirks: Quirks | None = None,
    ) -> SimulatedQueue:
        """Make a queue, with AWS's defaults; `.fifo` is put behind the name of a FIFO one.

        With a `max_receive_count` it has a dead-letter queue: `<name>-dead-letters`, kept for 14 days.
        """
        attributes = {
            "VisibilityTimeout": _seconds(visibility_timeout),
            "DelaySeconds": _seconds(delay),
            "MessageRetentionPeriod": _seconds(retention),
        }
        if fifo:
            attributes["FifoQueue"] = "true"
            attributes["ContentBasedDeduplication"] = str(content_based_deduplication).lower()
        if max_receive_count is not None:
            target = self.queue(f"{name}-dead-letters", fifo=fifo, retention=LONGEST_RETENTION)
            attributes["RedrivePolicy"] = _redrive(target, max_receive_count)
        return self._sqs.create(f"{name}.fifo" if fifo else name, attributes, quirks)

    def function(
        self,
        handler: Handler | None = None,
        *,
        start: Callable[[Environment], Handler] | None = None,
        name: str = "function",
        timeout: timedelta = DEFAULT_TIMEOUT,
        reserved_concurrency: int | None = None,
    ) -> SimulatedFunction:
        """Make a function of a handler, or of a `start` that makes the handler of an execution environment.

        With `start`, every environment has module state of its own, as on Lambda: warm starts
        keep it, and it dies with the environment.  A handler that has threads of its own is
        made that way, and goes by the environment's clock and client.  Raises
        `RuntimeError` outside a `with` block, which ends those threads.
        """
        if (handler is None) is (start is None):
            raise ValueError("a function has either a handler or a start")
        if start is not None and not self._is_open:
            raise RuntimeError("environments may have threads to end: use the world in a `with` block")
        return SimulatedFunction(
            name,
            start or (lambda _: handler),  # type: ignore[arg-type,return-value]  # one of them is there
            self._executions,
            new_id=self._new_id,
            new_environment=lambda: Environment(self.clock, partial(sqs_client, self._sqs)),
            timeout=timeout,
            reserved_concurrency=reserved_concurrency,
            log=self.invocations,
        )

    def map(
        self,
        queue: SimulatedQueue,
        function: SimulatedFunction | Handler,
        *,
        batch_size: int = 10,
        batch_window: timedelta = NO_WINDOW,
        maximum_concurrency: int | None = None,
        report_batch_item_failures: bool = False,
    ) -> EventSourceMapping:
        """Have a function (or a plain handler) consume a queue, with Lambda's defaults.

        Raises `RefusedMapping` where Lambda refuses.
        """
        settings = MappingSettings(
            batch_size=batch_size,
            batch_window=batch_window,
            maximum_concurrency=maximum_concurrency,
            report_batch_item_failures=report_batch_item_failures,
        )
        if not isinstance(function, SimulatedFunction):
            function = self.function(function)
        return EventSourceMapping(queue, function, settings, self.clock, self._agenda)

    def queue_for(
        self, declaration: Queue, *, consumer: str | None = None, quirks: Quirks | None = None
    ) -> SimulatedQueue:
        """Make the queue of a declaration, with its dead-letter queue, as the stacks deploy them.

        Of a declaration with several consumers each has a queue of its own: say whose.  The
        topic before them isn't simulated.
        """
        kind = {}
        if declaration.fifo:
            kind = {
                "FifoQueue": "true",
                "DeduplicationScope": "messageGroup",
                "FifoThroughputLimit": "perMessageGroupId",
            }
        target = self._sqs.create(
            _name(declaration, consumer, "-dead-letters"),
            {
                **kind,
                "MessageRetentionPeriod": _seconds(declaration.dead_letter_retention),
                "VisibilityTimeout": _seconds(BURY_CRASHED.visibility_timeout),
            },
        )
        return self._sqs.create(
            _name(declaration, consumer),
            {
                **kind,
                "MessageRetentionPeriod": _seconds(declaration.retention),
                "VisibilityTimeout": _seconds(declaration.visibility_timeout),
                "RedrivePolicy": _redrive(target, declaration.receive_limit),
            },
            quirks,
        )

    def map_for(
        self,
        declaration: Queue,
        handler: Handler | None = None,
        *,
        start: Callable[[Environment], Handler] | None = None,
        consumer: str | None = None,
    ) -> EventSourceMapping:
        """Have a consumer take its queue of a declaration (`queue_for`), as the stacks deploy it."""
        name = consumer or declaration.consumers[0]
        function = self.function(handler, start=start, name=name, timeout=declaration.function_timeout)
        return self.map(
            self.queues[_name(declaration, consumer)],
            function,
            batch_size=declaration.batch_size,
            batch_window=declaration.batch_window,
            maximum_concurrency=declaration.max_concurrency,
            report_batch_item_failures=True,
        )

    def every(self, period: timedelta, action: Callable[[], object]) -> None:
        """Do something each time a period is over, as a schedule does."""

        def act() -> None:
            action()
            self._agenda.plan(self.clock.now() + period, act, waited_for=False)

        self._agenda.plan(self.clock.now() + period, act, waited_for=False)

    def run_for(self, duration: timedelta) -> None:
        """Let time pass, with everything that falls due on the way and at its end."""
        end = self.clock.now() + duration
        with self._moving():
            self._run_to(end)
            self.clock.set(end)

    def run_until_idle(self, limit: timedelta = DAY) -> timedelta:
        """Let time pass until nothing is left to happen; how long that took.

        A message that is hidden on a mapped queue is something that will happen; one that
        nobody will receive isn't, nor is what `every` brings.  Raises `NotIdle` at the limit.
        """
        began = self.clock.now()
        with self._moving():
            while not self._agenda.is_idle:
                due = self._agenda.next_due
                if due is None or due > began + limit:
                    raise NotIdle(f"after {limit} something was still to happen; the next at {due}")
                self._agenda.happen()
        return self.clock.now() - began

    def step(self) -> bool:
        """Move to the next thing that happens, and let it happen; false if there is none."""
        with self._moving():
            return self._agenda.happen()

    def pass_time(self, step: timedelta) -> None:
        """What `clock.advance` does: in a handler its own time passes, outside everybody's."""
        if step < NO_TIME:
            raise ValueError(f"time doesn't pass by {step}")
        execution = self._executions.current
        if execution is not None:
            execution.let_pass_in_any_thread(step)
        else:
            self.run_for(step)

    def _run_to(self, end: datetime) -> None:
        while (due := self._agenda.next_due) is not None and due <= end:
            self._agenda.happen()

    @contextmanager
    def _moving(self) -> Iterator[None]:
        if self._is_moving:
            raise RuntimeError("time is moving already: a handler lets it pass with clock.advance")
        self._is_moving = True
        try:
            yield
        finally:
            self._is_moving = False

    def _catch_up(self) -> None:
        """Before a handler's call: whatever is due before it, by the handler's own time, happens first."""
        execution = self._executions.current
        if execution is not None:
            execution.let_pass_in_any_thread(NO_TIME)

    def _new_id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))


def _name(declaration: Queue, consumer: str | None, role: str = "") -> str:
    whose = f"-{consumer}" if consumer is not None else ""
    return f"{declaration.name}{whose}{role}{'.fifo' if declaration.fifo else ''}"


def _redrive(target: SimulatedQueue, max_receive_count: int) -> str:
    return json.dumps({"deadLetterTargetArn": target.arn, "maxReceiveCount": max_receive_count})


def _seconds(duration: timedelta) -> str:
    if duration % timedelta(seconds=1):
        raise ValueError(f"{duration} isn't whole seconds")
    return str(int(duration.total_seconds()))
