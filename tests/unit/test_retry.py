"""When to try again, as a table."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headworks.errors import InvalidDeclaration
from headworks.retry import RetryPolicy, deferral

S = timedelta(seconds=1)
POLICY = RetryPolicy(delays=(S, 5 * S, 30 * S), attempts=3)


@pytest.mark.parametrize(
    ("attempt", "draw", "seconds"),
    [
        (1, 0.0, 1),
        (1, 0.999, 1),
        (2, 0.0, 5),
        (2, 0.999, 5),
        (3, 0.0, 30),
        (3, 0.5, 33),
        (3, 0.999, 35),
        (9, 0.0, 30),
    ],
)
def test_the_wait_after_an_attempt(attempt, draw, seconds):
    assert POLICY.delay_after(attempt, draw=lambda: draw) == seconds * S


@given(st.integers(1, 12), st.floats(0, 1, exclude_max=True), st.floats(1, 40_000))
def test_jitter_adds_up_to_a_fifth_and_never_subtracts(attempt, draw, seconds):
    delay = timedelta(seconds=seconds)

    wait = RetryPolicy(delays=(delay,)).delay_after(attempt, draw=lambda: draw)

    assert delay <= wait <= max(delay * 1.2, delay + S)
    assert wait.microseconds == 0


@pytest.mark.parametrize(
    ("wanted", "seconds"), [(0, 1), (0.2, 1), (7, 7), (7.1, 8), (3600, 3600), (10**6, 3600), (-5, 1)]
)
def test_a_wish_is_clamped_to_whole_seconds_within_reason(wanted, seconds):
    assert POLICY.clamp(timedelta(seconds=wanted), draw=lambda: 0.0) == seconds * S


@pytest.mark.parametrize(("wanted", "seconds"), [(7, 7), (9, 9), (10, 11), (60, 66), (3600, 3960)])
def test_a_wish_is_spread_by_jitter_where_there_is_something_to_spread(wanted, seconds):
    assert POLICY.clamp(timedelta(seconds=wanted), draw=lambda: 0.5) == seconds * S


def test_a_leftover_delay_serves_when_attempts_are_raised():
    assert POLICY.used_delays == (S, 5 * S)
    assert RetryPolicy(delays=POLICY.delays).max_attempts == 4


def test_the_closer_exception_type_decides():
    policy = RetryPolicy(never=(ValueError,), always=(UnicodeError,))

    assert not policy.retries(ValueError())
    assert policy.retries(UnicodeDecodeError("utf-8", b"", 0, 1, "x"))
    assert policy.retries(KeyError())


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"delays": (S,), "attempts": 3}, "3 attempts need 2 delays, 1 are declared"),
        ({"attempts": 0}, "0 attempts"),
        ({"delays": (S / 2,)}, "0.5 s"),
        ({"jitter": 2}, "jitter of 2"),
        ({"never": (ValueError,), "always": (ValueError,)}, "ValueError"),
    ],
)
def test_a_policy_that_cannot_work_is_refused(fields, why):
    with pytest.raises(InvalidDeclaration, match=why):
        RetryPolicy(**fields)


def test_deferrals_double_up_to_a_minute():
    waits = [deferral(n, draw=lambda: 0.0).total_seconds() for n in (1, 2, 3, 4, 5, 6, 50)]

    assert waits == [2, 4, 8, 16, 32, 60, 60]
