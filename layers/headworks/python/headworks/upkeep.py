"""Upkeep: the functions that every pipeline has beside those that it declares."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from headworks.edge import Edge
from headworks.waking import INTERVAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """The function that empties every dead-letter queue into the ledger.

    A queue that isn't empty for longer than `patience` is an alarm: what should empty it
    doesn't.
    """

    function: str
    timeout: timedelta
    memory_mb: int
    batch_size: int
    max_concurrency: int
    patience: timedelta

    @property
    def visibility_timeout(self) -> timedelta:
        """How long a dead-letter queue hides what was received: six timeouts, as AWS advises."""
        return 6 * self.timeout


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurring:
    """A function that a schedule starts again and again."""

    function: str
    interval: timedelta
    timeout: timedelta
    memory_mb: int


BURY_CRASHED = Drain(
    function="bury_crashed",
    timeout=timedelta(minutes=1),
    memory_mb=256,
    batch_size=10,
    max_concurrency=2,
    patience=timedelta(minutes=15),
)
# It stops in time for the next round; after an outage thousands are due at once.
WAKE_WAITING = Recurring(function="wake_waiting", interval=INTERVAL, timeout=INTERVAL, memory_mb=512)
# An operation takes twenty seconds at most; the rest is for whatever call is under way then.
# A whole processor ("Configure Lambda function memory": 1,769 MB): a replayed message takes some 1.5 ms of it,
# so that 500 a second can be sent while somebody looks on.
ADMINISTER = Edge(
    function="administer", routes=("ANY /admin/{path+}",), timeout=timedelta(seconds=29), memory_mb=1769
)

UPKEEP = (BURY_CRASHED, WAKE_WAITING, ADMINISTER)

# What a schedule sends to a consumer that is to drain its stream on Redis.
DRAIN_EVENT = {"headworks": "drain"}


# What an operator's request to process some messages now has it do instead.
_BY_HAND = "process"


def by_hand(most: int) -> dict[str, object]:
    """What a drain is sent that is to process so many messages at most, paused or not."""
    return {"headworks": _BY_HAND, "most": most}


def asked_by_hand(event: object) -> int | None:
    """How many messages an invocation is to process by hand, if it is that."""
    return int(event["most"]) if isinstance(event, dict) and event.get("headworks") == _BY_HAND else None


def is_drain(event: object) -> bool:
    """Whether an invocation is to drain a stream."""
    return isinstance(event, dict) and event.get("headworks") == DRAIN_EVENT["headworks"]
