"""What a worker of a Redis queue holds: leases, and until when it may start what they are for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from headworks.brokers.redis.deliveries import MARGIN_OF_LEASE

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from headworks.brokers.redis.delivered import Received
    from headworks.brokers.redis.deliveries import Deliveries
    from headworks.brokers.redis.operation import Operation


class Stock:
    """The leases of one process.  Read by its loop, renewed by its heartbeat."""

    def __init__(
        self, deliveries: Deliveries, lease: timedelta, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._deliveries = deliveries
        self._reach = lease.total_seconds() * (1 - MARGIN_OF_LEASE)
        self._now = now
        self._good_until = 0.0

    @property
    def size(self) -> int:
        """How many entries are held."""
        return len(self._deliveries.held)

    def is_ours(self, received: Received) -> bool:
        """Whether nobody has told us that it is somebody else's."""
        return received.entry in self._deliveries.held

    def may_start(self, received: Received) -> bool:
        """Whether it is certainly ours still; where that isn't certain, `renew` tells."""
        now = self._now()
        return (received.deadline > now or self._good_until > now) and self.is_ours(received)

    def renew(self) -> Operation[None]:
        """Keep all leases alive; those that aren't held any more are let go of."""
        until = self._now() + self._reach
        yield from self._deliveries.extend()
        # All that was held then is good for as long; what came since has a later deadline of its own.
        self._good_until = until
