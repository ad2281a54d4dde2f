"""When to try again: pure decisions, no clock and no I/O."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from random import random
from typing import TYPE_CHECKING

from headworks.errors import InvalidDeclaration

if TYPE_CHECKING:
    from collections.abc import Callable

DEFAULT_DELAYS = (timedelta(seconds=1), timedelta(seconds=10), timedelta(minutes=1), timedelta(minutes=5))
JITTER_FROM = timedelta(seconds=10)
FIRST_DEFERRAL = timedelta(seconds=2)
LONGEST_DEFERRAL = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How often a message is tried, and how long it waits in between.

    `delays[n]` is the wait after attempt n + 1.  `attempts` counts the first one too; a
    delay left over serves when attempts are raised.  Jitter adds up to that share of a
    delay and never takes anything away.  `never` and `always` name exception types that
    are rejected at once or retried; of two that match, the closer to the exception's own
    type decides.  `longest` bounds the wait that a handler may ask for.
    """

    delays: tuple[timedelta, ...] = DEFAULT_DELAYS
    attempts: int | None = None
    jitter: float = 0.2
    never: tuple[type[BaseException], ...] = ()
    always: tuple[type[BaseException], ...] = ()
    longest: timedelta = timedelta(hours=1)

    def __post_init__(self) -> None:
        if self.max_attempts < 1:
            raise InvalidDeclaration(f"{self.max_attempts} attempts: a message is tried at least once")
        if self.max_attempts > len(self.delays) + 1:
            raise InvalidDeclaration(
                f"{self.max_attempts} attempts need {self.max_attempts - 1} delays, {len(self.delays)} are declared"
            )
        if any(delay < timedelta(seconds=1) for delay in self.delays):
            raise InvalidDeclaration(
                f"the delays {_seconds(self.delays)} hold one under a second: SQS waits whole seconds"
            )
        if not 0 <= self.jitter <= 1:
            raise InvalidDeclaration(f"a jitter of {self.jitter} isn't a share between 0 and 1")
        if both := set(self.never) & set(self.always):
            raise InvalidDeclaration(
                f"{sorted(t.__name__ for t in both)} can't be retried both never and always"
            )

    @property
    def max_attempts(self) -> int:
        """How many times a message is tried before it is dead."""
        return len(self.delays) + 1 if self.attempts is None else self.attempts

    @property
    def used_delays(self) -> tuple[timedelta, ...]:
        """The delays that this number of attempts reaches."""
        return self.delays[: self.max_attempts - 1]

    @property
    def longest_delay(self) -> timedelta:
        """The longest wait before an attempt, jitter included, whoever asks for it."""
        return max(self.longest, *self.used_delays, timedelta()) * (1 + self.jitter)

    @property
    def longest_story(self) -> timedelta:
        """All waits together, each with its whole jitter: how long retrying can take."""
        return sum(self.used_delays, timedelta()) * (1 + self.jitter)

    def retries(self, exception: BaseException) -> bool:
        """Whether this exception is worth another attempt, whatever their number."""
        for kind in type(exception).__mro__:
            if kind in self.never:
                return False
            if kind in self.always:
                return True
        return True

    def delay_after(self, attempt: int, *, draw: Callable[[], float] = random) -> timedelta:
        """The wait after this attempt (counted from 1), jitter included, in whole seconds.

        `draw` gives a number in [0, 1).  Rounding never goes below the declared delay.
        """
        delay = self.delays[min(attempt, len(self.delays)) - 1]
        jittered = delay * (1 + self.jitter * draw())
        return timedelta(seconds=max(math.ceil(delay.total_seconds()), math.floor(jittered.total_seconds())))

    def clamp(self, wanted: timedelta, *, draw: Callable[[], float] = random) -> timedelta:
        """A wait that a handler asked for, in whole seconds, at least 1 and at most `longest`.

        Jitter spreads those who were all told the same; under ten seconds there is nothing to spread.
        """
        bounded = min(max(wanted, timedelta(seconds=1)), self.longest)
        jitter = self.jitter * draw() if bounded >= JITTER_FROM else 0
        seconds = max(
            math.ceil(bounded.total_seconds()), math.floor((bounded * (1 + jitter)).total_seconds())
        )
        return timedelta(seconds=seconds)


def deferral(receive_count: int, *, draw: Callable[[], float] = random) -> timedelta:
    """How long to leave a message alone when it isn't its fault: doubling from 2 s to 60 s, plus jitter."""
    doubled = FIRST_DEFERRAL * 2 ** min(max(receive_count, 1) - 1, 10)
    seconds = min(doubled, LONGEST_DEFERRAL).total_seconds() * (1 + 0.2 * draw())
    return timedelta(seconds=math.floor(seconds))


def _seconds(delays: tuple[timedelta, ...]) -> str:
    return ", ".join(f"{delay.total_seconds():g} s" for delay in delays)
