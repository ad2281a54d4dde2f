"""How everything stands: the numbers of queues and sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from administer.documents.numbers import Overview, QueueStats, SourceStats
from administer.places import the_queue

if TYPE_CHECKING:
    from headworks.clock import Clock
    from headworks.operations.control import Statistics
    from headworks.topology import Topology


@dataclass(frozen=True, slots=True, kw_only=True)
class Overviews:
    """Asks for the numbers of what the topology declares."""

    topology: Topology
    statistics: Statistics
    clock: Clock

    def everything(self) -> Overview:
        """Every queue and every source; what can't be asked is told as trouble of its consumer."""
        counted = self.statistics.of_queues(self.topology.queues)
        sources = self.statistics.of_sources()
        return Overview(
            at=self.clock.now(),
            queues=[QueueStats.of(queue, counted[queue.name]) for queue in self.topology.queues],
            sources=[SourceStats.of(each) for each in sources],
        )

    def one_queue(self, queue: str) -> QueueStats:
        """One queue."""
        declared = the_queue(self.topology, queue)
        return QueueStats.of(declared, self.statistics.of_queues([declared])[declared.name])
