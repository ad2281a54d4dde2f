"""Event source mappings that a test turns off and on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headworks.errors import Unavailable
from headworks.operations.mappings import MappingState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headworks.clock import Clock
    from headworks.ledger.catalogue import Address
    from headworks.testing.mapping import EventSourceMapping


class SimulatedMappings:
    """Mappings by their consumers, those of a simulated AWS among them; `down` names whose can't be asked."""

    def __init__(self, clock: Clock, simulated: Mapping[Address, EventSourceMapping] | None = None) -> None:
        self._clock = clock
        self._simulated = simulated or {}
        self._states: dict[Address, MappingState] = {}
        self.down: set[Address] = set()

    def turn(self, address: Address, *, on: bool) -> None:
        self._check(address)
        self._states[address] = MappingState(is_enabled=on, changed_at=self._clock.now())
        if address in self._simulated:
            self._simulated[address].turn(on=on)

    def state(self, address: Address) -> MappingState:
        self._check(address)
        known = self._states.get(address)
        return known or MappingState(is_enabled=True, changed_at=self._clock.now())

    def _check(self, address: Address) -> None:
        if address in self.down:
            raise Unavailable("the event source mapping", "down")
