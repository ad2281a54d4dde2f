"""What became of a delivery, and the one pure decision that says so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from random import random
from typing import TYPE_CHECKING

from headworks import errors
from headworks.fault import Fault as Fault
from headworks.retry import deferral

if TYPE_CHECKING:
    from collections.abc import Callable

    from headworks.retry import RetryPolicy


class Reason(StrEnum):
    """Why a message is dead."""

    EXHAUSTED = "exhausted"
    REJECTED = "rejected"
    UNDECODABLE = "undecodable"
    EXPIRED = "expired"
    CRASHED = "crashed"
    BODY_MISSING = "body_missing"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The effect happened: now, or (`duplicate`) under the same key before."""

    duplicate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """The attempt failed and another one comes after a wait: in the queue, or (`away`) out of it."""

    after: timedelta
    error: BaseException
    away: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Defer:
    """Not now, and not an attempt: the message comes back after a wait."""

    after: timedelta
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dead:
    """Gave up; kept with the reason and the last error until somebody replays it."""

    reason: Reason
    error: BaseException | None = None


Outcome = Done | Retry | Defer | Dead


def judge(
    error: Exception | None,
    *,
    attempt: int,
    receive_count: int,
    policy: RetryPolicy,
    draw: Callable[[], float] = random,
) -> Outcome:
    """What an attempt's end means: the handler's own exception (or none) becomes an outcome.

    Our own stores' trouble is a `Defer` before it is anything else: it says nothing about
    the message.
    """
    match error:
        case None:
            return Done()
        case errors.Unavailable():
            return Defer(after=deferral(receive_count, draw=draw), why=str(error))
        case errors.MissingObject():
            return Dead(reason=Reason.BODY_MISSING, error=error)
        case errors.Undecodable():
            return Dead(reason=Reason.UNDECODABLE, error=error)
        case errors.Reject():
            return Dead(reason=Reason.REJECTED, error=error)
    if not policy.retries(error):
        return Dead(reason=Reason.REJECTED, error=error)
    if attempt >= policy.max_attempts:
        return Dead(reason=Reason.EXHAUSTED, error=error)
    if isinstance(error, errors.Retry) and error.after is not None:
        return Retry(after=policy.clamp(error.after, draw=draw), error=error)
    return Retry(after=policy.delay_after(attempt, draw=draw), error=error)
