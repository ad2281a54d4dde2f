"""What is told each minute of dead letters that are about to expire, where their queue keeps them for a time only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from headworks.clock import SystemClock
from headworks.ledger.catalogue import Address, Filter
from headworks.ledger.ledger import State
from headworks.operations.wiring import catalogue
from headworks.telemetry import EXPIRING, powertools_gauge

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from headworks.clock import Clock
    from headworks.ledger.catalogue import Catalogue
    from headworks.queue import Queue
    from headworks.settings import Settings
    from headworks.telemetry import Gauge
    from headworks.topology import Topology

# An alarm asks whether there are any; more than that is for somebody's eyes.
MOST_COUNTED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiries:
    """The dead letters of everything that the topology declares."""

    topology: Topology
    catalogue: Catalogue
    gauge: Gauge
    clock: Clock
    name: str = "the dead letters that are about to expire"

    def go(self, *, remaining: Callable[[], timedelta]) -> None:  # noqa: ARG002 - a part of each round is given it
        """Tell how many there are of each consumer that has some.  Raises `Unavailable`."""
        for queue in self.topology.queues:
            if queue.dead_letters_kept_for is None:
                continue
            for consumer in queue.consumers:
                number = self._expiring(queue, consumer, queue.dead_letters_kept_for)
                if number:
                    self.gauge({EXPIRING: number}, service=consumer, queue=queue.name)

    def _expiring(self, queue: Queue, consumer: str, kept_for: timedelta) -> int:
        died_before = self.clock.now() - (kept_for - queue.expiry_notice)
        count = self.catalogue.count(
            State.DEAD,
            [Address(queue.name, consumer)],
            only=Filter(until=died_before),
            most=MOST_COUNTED,
        )
        return count.number


def expiries(topology: Topology, settings: Settings) -> Expiries:
    """Those of the deployment."""
    return Expiries(
        topology=topology, catalogue=catalogue(settings), gauge=powertools_gauge, clock=SystemClock()
    )
