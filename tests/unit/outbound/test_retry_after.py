"""What a Retry-After header means."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headworks.outbound.retry_after import LONGEST_WAIT, retry_after

NOW = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("1", 1),
        ("  120 ", 120),
        ("007", 7),
        ("86400", 86_400),
        ("86401", 86_400),
        ("99999999999999999999", 86_400),
        ("9" * 5000, 86_400),
        ("Thu, 01 Jan 2026 12:00:30 GMT", 30),
        ("Thursday, 01-Jan-26 12:01:00 GMT", 60),
        ("Thu Jan  1 12:00:05 2026", 5),
        ("Thu, 01 Jan 2026 13:00:05 +0100", 5),
        ("Thu, 01 Jan 2026 12:00:05 -0000", 5),
        ("Thu, 01 Jan 2026 11:59:00 GMT", 0),
        ("Mon, 01 Jan 1990 00:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
    ],
)
def test_seconds_and_dates_are_waits_within_a_day(value: str, seconds: int) -> None:
    assert retry_after(value, now=NOW) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "value",
    [
        None, "", " ", "soon", "-1", "+1", "1.5", "1e3", "1, 2", "0x10", "\u0661\u0662", "\u00b2", "nan", "inf",
        "12 seconds", "2026-01-01T12:00:00Z", "Thu, 01", ",", "\x00", "Thu, 32 Jan 2026 12:00:00 GMT",
        "Thu, 01 Jan 2026 25:00:00 GMT", "Thu, 01 Jan 2026 12:00:00 +9999999999",
    ],
)  # fmt: skip
def test_garbage_asks_for_nothing(value: str | None) -> None:
    assert retry_after(value, now=NOW) is None


def test_the_time_zone_of_now_does_not_matter() -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=-7)))

    assert retry_after("Thu, 01 Jan 2026 12:00:30 GMT", now=elsewhere) == timedelta(seconds=30)


@given(st.text() | st.from_regex(r"\w{3}, \d+ \w{3} \d+ \d+:\d+:\d+ (GMT|[+-]\d+)"))
def test_any_text_is_a_wait_within_a_day_or_nothing(value: str) -> None:
    wait = retry_after(value, now=NOW)

    assert wait is None or timedelta(0) <= wait <= LONGEST_WAIT
