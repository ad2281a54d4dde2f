"""What is done each minute about pauses: they are told to CloudWatch, and what resumed sources sent is let go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from headworks.clock import SystemClock
from headworks.ledger.catalogue import addresses_of
from headworks.operations.flags import of_consumer, of_source
from headworks.operations.wiring import resuming
from headworks.telemetry import EXCUSED, PAUSED, powertools_gauge
from headworks.upkeep import WAKE_WAITING
from headworks.waking import INTERVAL
from headworks.wiring import flags

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from headworks.clock import Clock
    from headworks.ledger.catalogue import Address
    from headworks.operations.flags import Flag, Flags
    from headworks.operations.resuming import Resuming
    from headworks.settings import Settings
    from headworks.telemetry import Gauge
    from headworks.topology import Topology


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """The pauses of everything that the topology declares."""

    topology: Topology
    flags: Flags
    resuming: Resuming
    gauge: Gauge
    clock: Clock
    name: str = "the resumed sources"

    def go(self, *, remaining: Callable[[], timedelta]) -> None:
        """Tell of them, then let go.  Raises `Unavailable`."""
        names = [*map(of_consumer, self._consumers), *map(of_source, self._sources)]
        found = self.flags.read(names)
        self.tell(found)
        for source in self._sources:
            # Replays come after this, and are to have a part of the minute, too.
            self.resuming.go_on(
                source, found.get(of_source(source)), remaining=lambda: remaining() - INTERVAL / 2
            )

    def tell(self, found: Mapping[str, Flag]) -> None:
        """Tell how everything stands by these flags."""
        for address in self._consumers:
            self._tell_of_consumer(address, found.get(of_consumer(address)))
        for source in self._sources:
            self._tell_of_source(source, found.get(of_source(source)))

    @property
    def _consumers(self) -> list[Address]:
        return addresses_of(self.topology.queues)

    @property
    def _sources(self) -> list[str]:
        return [source.name for source in self.topology.sources]

    def _tell_of_consumer(self, address: Address, flag: Flag | None) -> None:
        excused = flag is not None and flag.excuses(self.clock.now())
        values = {EXCUSED: int(excused)}
        if flag is not None and flag.is_up:
            values[PAUSED] = 1
        self.gauge(values, service=address.consumer, queue=address.queue)

    def _tell_of_source(self, source: str, flag: Flag | None) -> None:
        if flag is not None and flag.is_up:
            self.gauge({PAUSED: 1}, service=WAKE_WAITING.function, source=source)


def pauses(topology: Topology, settings: Settings) -> Pauses:
    """Those of the deployment."""
    return Pauses(
        topology=topology,
        flags=flags(settings),
        resuming=resuming(topology, settings),
        gauge=powertools_gauge,
        clock=SystemClock(),
    )
