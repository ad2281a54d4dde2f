"""An execution environment: the process in which Lambda runs a function."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

from headworks.testing.execution import Killed

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from mypy_boto3_sqs import SQSClient

    from headworks.testing.clock import MovingClock
    from headworks.testing.execution import Execution

NO_TIME = timedelta(0)


class Environment:
    """What Lambda keeps warm between invocations; it runs one at a time, in any number of threads.

    `clock` and `client` are the world's, as this process sees them.  Whichever thread of
    it uses them, they know whose time passes and whose call it is: a handler that has
    threads of its own goes by these.
    """

    def __init__(self, clock: MovingClock, client: Callable[[Callable[[], None]], SQSClient]) -> None:
        self.clock = EnvironmentClock(self, clock)
        self.handler: Callable[[dict[str, Any], Any], Any] | None = None
        self.execution: Execution | None = None
        self._make_client = client

    @cached_property
    def client(self) -> SQSClient:
        """A boto3 client of this process."""
        return self._make_client(lambda: self.let_pass(NO_TIME))

    def check(self) -> None:
        """Raises `Killed` if this process is dead: a fake store asks before it changes anything."""
        self._running().check()

    def die(self) -> NoReturn:
        """End this process, from whichever thread, as `os._exit` does."""
        self._running().die()

    def let_pass(self, step: timedelta) -> None:
        """Let time pass for this process."""
        self._running().let_pass(step)

    def _running(self) -> Execution:
        """What it runs now; a thread that outlives its invocation ends, where Lambda would freeze it."""
        if self.execution is None:
            raise Killed
        return self.execution


class EnvironmentClock:
    """The world's clock, for the threads of one environment."""

    def __init__(self, environment: Environment, clock: MovingClock) -> None:
        self._environment = environment
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.now()

    def advance(self, step: timedelta) -> None:
        """Let time pass: other threads of the environment that ask for time wait for their turn."""
        if step < NO_TIME:
            raise ValueError(f"time doesn't pass by {step}")
        self._environment.let_pass(step)
