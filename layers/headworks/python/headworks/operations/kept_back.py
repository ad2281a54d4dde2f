"""What paused sources sent: kept in the ledgers, due when nobody will wait for it, until it is let go."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

from headworks.ledger.catalogue import Address, Filter
from headworks.ledger.ledger import State
from headworks.operations.control import MOST_COUNTED
from headworks.queue import KEPT_BACK

if TYPE_CHECKING:
    from collections.abc import Callable

    from headworks.clock import Clock
    from headworks.ledger.catalogue import Catalogue, Count, Listed
    from headworks.ledger.interventions import Interventions
    from headworks.topology import Topology

SLICE = 200
SIDE_BY_SIDE = 8
# What one slice may take, with a store that is slow.
ENOUGH = timedelta(seconds=3)


class KeptBack:
    """Everybody's, by the source that sent it.  Every method raises `Unavailable`."""

    def __init__(
        self,
        topology: Topology,
        *,
        catalogue: Catalogue,
        interventions: Callable[[Address], Interventions],
        clock: Clock,
    ) -> None:
        self._topology = topology
        self._catalogue = catalogue
        self._interventions = interventions
        self._clock = clock
        self._calls = ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="kept-back")

    def count(self, source: str) -> Count:
        """How many messages of a source are kept back; one counts for each consumer that is to have it."""
        return self._catalogue.count(
            State.WAITING, self._addresses(source), only=self._of(source), most=MOST_COUNTED
        )

    def let_go(self, source: str, *, remaining: Callable[[], timedelta]) -> bool:
        """Make what is kept back due, the oldest first; true where there was nothing any more."""
        addresses, only = self._addresses(source), self._of(source)
        cursor, found_some = None, False
        while addresses and remaining() > ENOUGH:
            page = self._catalogue.page(State.WAITING, addresses, only=only, limit=SLICE, cursor=cursor)
            found_some = found_some or bool(page.items)
            list(self._calls.map(self._let_go, page.items))
            cursor = page.cursor
            if cursor is None:
                return not found_some
        return not addresses

    def _let_go(self, listed: Listed) -> None:
        if listed.at is not None:
            # When it came: the wakers then take it before what came later.
            came = listed.at - KEPT_BACK
            self._interventions(listed.address).let_go(listed.entry.key, was_due=listed.at, due=came)

    def _of(self, source: str) -> Filter:
        # Nobody may ask for a delay that long.
        return Filter(source=source, since=self._clock.now() + KEPT_BACK / 2)

    def _addresses(self, source: str) -> list[Address]:
        """The consumers of every queue that some route of the source leads to."""
        led_to = {route.queue for route in self._topology.routes if route.serves(source)}
        return [
            Address(queue.name, consumer)
            for queue in self._topology.queues
            if queue.name in led_to
            for consumer in queue.consumers
        ]
