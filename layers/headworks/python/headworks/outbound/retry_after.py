"""Retry-After: when a busy server wants to be asked again."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

LONGEST_WAIT = timedelta(days=1)
_SECONDS = re.compile(r"[0-9]+")


def retry_after(value: str | None, *, now: datetime) -> timedelta | None:
    """The wait that a `Retry-After` header asks for, from none to a day; None if it asks for nothing that makes sense.

    It is a number of seconds or a date (RFC 9110, section 10.2.3).
    """
    text = (value or "").strip()
    if _SECONDS.fullmatch(text):
        # More digits than a day's seconds have; Python refuses to read numbers of thousands of them.
        return LONGEST_WAIT if len(text.lstrip("0")) > 5 else _bounded(timedelta(seconds=int(text)))
    try:
        date = parsedate_to_datetime(text)
        return _bounded((date if date.tzinfo else date.replace(tzinfo=UTC)) - now)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _bounded(wait: timedelta) -> timedelta:
    return max(timedelta(0), min(wait, LONGEST_WAIT))
