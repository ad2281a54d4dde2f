"""Waiting for what another process does."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LOOKS_EVERY_SECONDS = 0.01


def until(holds: Callable[[], object], *, what: str, seconds: float = 10) -> None:
    """Come back as soon as it holds.  Raises `AssertionError` when it doesn't in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(LOOKS_EVERY_SECONDS)
