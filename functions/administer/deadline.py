"""How long an operation may take: an HTTP API waits 30 seconds, and no call that is under way can be taken back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from headworks.clock import Clock

WORK = timedelta(seconds=20)
# A function is waited for as long as there is an answer to be given.
PROCESSING = timedelta(seconds=25)


def within(span: timedelta, clock: Clock) -> Callable[[], timedelta]:
    """What is left of a span that begins now."""
    ends = clock.now() + span
    return lambda: ends - clock.now()
