"""What is told each minute of queues that travel over Redis, of which CloudWatch knows nothing by itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from headworks.clock import SystemClock
from headworks.errors import Unavailable
from headworks.ledger.catalogue import addresses_of
from headworks.operations.wiring import on_redis
from headworks.telemetry import BACKLOG, OLDEST_AGE, Action, powertools_gauge

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from headworks.brokers.redis.upkeep import Figures
    from headworks.clock import Clock
    from headworks.operations.on_redis import OnRedis
    from headworks.settings import Settings
    from headworks.telemetry import Gauge, Log
    from headworks.topology import Topology

YOUNG = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlogs:
    """The messages on Redis of everything that the topology declares."""

    topology: Topology
    on_redis: OnRedis
    gauge: Gauge
    clock: Clock
    log: Log
    name: str = "the numbers of queues on Redis"

    def go(self, *, remaining: Callable[[], timedelta]) -> None:  # noqa: ARG002 - a part of each round is given it
        """Tell how many each consumer has, and how old the oldest is.

        Where Redis doesn't answer nothing is told, and that is an alarm by itself: the round is none the worse.
        """
        try:
            found = self.on_redis.figures(addresses_of(self.topology.queues))
        except Unavailable as error:
            self.log(Action.TROUBLE, what=f"{self.name} aren't told this minute", error=error)
            return
        now = self.clock.now()
        for address, figures in found.items():
            values = {BACKLOG: backlog(figures), OLDEST_AGE: oldest_age(figures, now).total_seconds()}
            self.gauge(values, service=address.consumer, queue=address.queue)


def backlog(figures: Figures) -> int:
    """How many messages are to be taken or are being processed: those that wait for their time don't count."""
    return figures.ready + figures.pending + figures.overdue + figures.parked


def oldest_age(figures: Figures, now: datetime) -> timedelta:
    """For how long the oldest of them has been there: in the stream, or overdue."""
    since = [figures.oldest, figures.next_due if figures.overdue else None]
    # Redis has a clock of its own.
    return max([YOUNG, *(now - each for each in since if each is not None)])


def backlogs(topology: Topology, settings: Settings, log: Log) -> Backlogs:
    """Those of the deployment."""
    return Backlogs(
        topology=topology,
        on_redis=on_redis(topology, settings),
        gauge=powertools_gauge,
        clock=SystemClock(),
        log=log,
    )
