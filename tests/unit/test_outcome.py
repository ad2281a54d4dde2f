"""Judging: the handler's own exception becomes an outcome."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headworks import outcome
from headworks.errors import MissingObject, Reject, Retry, Unavailable, Undecodable
from headworks.outcome import Dead, Defer, Done, Reason, judge
from headworks.retry import RetryPolicy

S = timedelta(seconds=1)
POLICY = RetryPolicy(delays=(S, 5 * S), never=(ZeroDivisionError,))


@pytest.mark.parametrize(
    ("error", "attempt", "expected"),
    [
        (None, 1, Done()),
        (None, 99, Done()),
        (RuntimeError("x"), 1, S),
        (RuntimeError("x"), 2, 5 * S),
        (RuntimeError("x"), 3, Reason.EXHAUSTED),
        (RuntimeError("x"), 7, Reason.EXHAUSTED),
        (Retry("busy"), 1, S),
        (Retry("busy", after=7 * S), 1, 7 * S),
        (Retry("busy", after=timedelta(days=400)), 1, timedelta(hours=1)),
        (Retry("busy", after=7 * S), 3, Reason.EXHAUSTED),
        (Reject("no"), 1, Reason.REJECTED),
        (ZeroDivisionError(), 1, Reason.REJECTED),
        (Undecodable("q", "no"), 1, Reason.UNDECODABLE),
        (MissingObject("gone"), 1, Reason.BODY_MISSING),
    ],
)
def test_an_attempts_end_becomes_an_outcome(error, attempt, expected):
    verdict = judge(error, attempt=attempt, receive_count=attempt, policy=POLICY, draw=lambda: 0.0)

    match expected:
        case Done():
            assert verdict == expected
        case Reason():
            assert verdict == Dead(reason=expected, error=error)
        case _:
            assert verdict == outcome.Retry(after=expected, error=error)


@pytest.mark.parametrize("attempt", [1, 3, 50])
def test_our_own_trouble_is_never_the_messages_attempt(attempt):
    verdict = judge(Unavailable("the ledger", "down"), attempt=attempt, receive_count=1, policy=POLICY)

    assert isinstance(verdict, Defer)
