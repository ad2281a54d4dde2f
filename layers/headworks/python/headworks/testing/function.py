"""A Lambda function: execution environments, timeouts, throttles."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from headworks.testing.events import FakeContext
from headworks.testing.execution import Execution, Killed

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from headworks.testing.environment import Environment
    from headworks.testing.execution import Executions

DEFAULT_TIMEOUT = timedelta(seconds=3)
LONGEST_TIMEOUT = timedelta(minutes=15)
MILLISECOND = timedelta(milliseconds=1)


class Ending(StrEnum):
    """How an invocation ended."""

    ANSWERED = "answered"
    FAILED = "failed"
    """It raised an exception."""
    TIMED_OUT = "timed out"
    DIED = "died"
    """Its process ended: `Killed`, or `sys.exit`."""


@dataclass(slots=True, eq=False)
class Invocation:
    """One run of a function; `ending` and `ended_at` are missing while it runs."""

    function: str
    request_id: str
    event: dict[str, Any]
    started_at: datetime
    ended_at: datetime | None = None
    ending: Ending | None = None
    answer: Any = None
    error: BaseException | None = None

    @property
    def records(self) -> list[dict[str, Any]]:
        """The batch, as the handler got it."""
        records: list[dict[str, Any]] = self.event["Records"]
        return records

    @property
    def bodies(self) -> list[str]:
        """The bodies of the batch."""
        return [record["body"] for record in self.records]


class SimulatedFunction:
    """A handler as Lambda runs it.

    `start` makes the handler of an execution environment: what importing the function's
    module does.  `reserved_concurrency` may be changed at any time; 0 throttles
    every invocation.
    """

    def __init__(
        self,
        name: str,
        start: Callable[[Environment], Callable[[dict[str, Any], Any], Any]],
        executions: Executions,
        *,
        new_id: Callable[[], str],
        new_environment: Callable[[], Environment],
        timeout: timedelta = DEFAULT_TIMEOUT,
        reserved_concurrency: int | None = None,
        log: list[Invocation] | None = None,
    ) -> None:
        if not timedelta(seconds=1) <= timeout <= LONGEST_TIMEOUT:
            raise ValueError(f"{name}: a timeout of {timeout} is outside Lambda's 1 second to 15 minutes")
        self.name = name
        self.timeout = timeout
        self.reserved_concurrency = reserved_concurrency
        self.invocations: list[Invocation] = []
        self.running = 0
        self.throttles = 0
        self.cold_starts = 0
        self._start = start
        self._executions = executions
        self._clock = executions.clock
        self._new_id = new_id
        self._new_environment = new_environment
        self._idle: list[Environment] = []
        self._log = log if log is not None else []

    def invoke(
        self, event: dict[str, Any], then: Callable[[Invocation], None] = lambda _: None
    ) -> Invocation | None:
        """Start an invocation, and call `then` when it has ended; none if it is throttled."""
        if self.reserved_concurrency is not None and self.running >= self.reserved_concurrency:
            self.throttles += 1
            return None
        invocation = Invocation(self.name, self._new_id(), event, self._clock.now())
        self.invocations.append(invocation)
        self._log.append(invocation)
        self.running += 1
        self._run(invocation, self._idle.pop() if self._idle else self._new_environment(), then)
        return invocation

    def _run(
        self, invocation: Invocation, environment: Environment, then: Callable[[Invocation], None]
    ) -> None:
        deadline = invocation.started_at + self.timeout
        context = self._context(invocation, deadline)

        def code() -> Any:
            if environment.handler is None:
                self.cold_starts += 1
                environment.handler = self._start(environment)
            return environment.handler(invocation.event, context)

        def ended(execution: Execution) -> None:
            environment.execution = None
            self._end(invocation, execution)
            if invocation.ending in (Ending.ANSWERED, Ending.FAILED):
                self._idle.append(environment)
            then(invocation)

        environment.execution = Execution(self._executions, code, ended, limit=deadline)
        self._executions.start(environment.execution)

    def _context(self, invocation: Invocation, deadline: datetime) -> FakeContext:
        return FakeContext(
            remaining_ms=lambda: max(0, (deadline - self._clock.now()) // MILLISECOND),
            function_name=self.name,
            invoked_function_arn=f"arn:aws:lambda:us-east-1:000000000000:function:{self.name}",
            aws_request_id=invocation.request_id,
        )

    def _end(self, invocation: Invocation, execution: Execution) -> None:
        self.running -= 1
        invocation.ended_at = self._clock.now()
        invocation.ending = _ending(execution)
        if invocation.ending is Ending.ANSWERED:
            invocation.answer = execution.answer
        elif invocation.ending is not Ending.TIMED_OUT:
            invocation.error = execution.error or Killed()


def _ending(execution: Execution) -> Ending:
    if execution.timed_out:
        return Ending.TIMED_OUT
    if execution.has_died:
        return Ending.DIED
    match execution.error:
        case None:
            return Ending.ANSWERED
        case Exception():
            return Ending.FAILED
        case Killed() | SystemExit():
            return Ending.DIED
        case error:
            # Ctrl-C, or a test framework's own way of ending a test: not the handler's outcome.
            raise error
