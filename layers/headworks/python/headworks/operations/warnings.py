"""What an operator is warned of, in sentences."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from headworks.operations.control import Pause
    from headworks.operations.flags import Flag
    from headworks.operations.mappings import MappingState
    from headworks.queue import Queue

LONG = timedelta(days=1)
# Of a queue's retention: what is older will be deleted soon.
NEAR_RETENTION = 3 / 4


def of_pause(pause: Pause | None, now: datetime) -> Iterator[str]:
    """A pause that may have been forgotten."""
    if pause is not None and now - pause.since >= LONG:
        yield f"It has been paused for {in_words(now - pause.since)}, by {pause.by}."


def of_age(queue: Queue, oldest_age: timedelta | None) -> Iterator[str]:
    """Messages that SQS will delete."""
    if oldest_age is not None and oldest_age >= queue.retention * NEAR_RETENTION:
        yield (
            f"Its oldest message is {in_words(oldest_age)} old, and SQS deletes messages after "
            f"{in_words(queue.retention)}."
        )


def of_disagreement(flag: Flag | None, state: MappingState | None) -> Iterator[str]:
    """A pause that isn't one."""
    if flag is not None and flag.is_up and state is not None and state.is_enabled:
        yield (
            "It is paused on record, but its event source mapping is enabled: something else turned it on. "
            "Pause it again, or resume it."
        )


def of_the_other_way(lying: int) -> Iterator[str]:
    """Messages of a queue on Redis that lie on SQS."""
    if lying:
        yield f"On SQS lie {lying} more, as from before it travelled over Redis; its numbers are those on Redis."


def in_words(span: timedelta) -> str:
    """A span as people say it: `9 days`, `26 hours`, `40 minutes`."""
    for unit, length in (("day", timedelta(days=1)), ("hour", timedelta(hours=1))):
        if span >= 2 * length or span == length:
            return _counted(span // length, unit)
    return _counted(span // timedelta(minutes=1), "minute")


def _counted(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
