"""The queues that travel over Redis, as operators reach them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headworks.brokers.redis.keys import Keys
from headworks.brokers.redis.looking_up import accepted_under, whereabouts
from headworks.brokers.redis.upkeep import Upkeep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from headworks.brokers.redis.connection import Connection
    from headworks.brokers.redis.looking_up import AcceptedUnder, Whereabouts
    from headworks.brokers.redis.purging import Removed
    from headworks.brokers.redis.scripts import Scripts
    from headworks.brokers.redis.upkeep import Figures
    from headworks.ledger.catalogue import Address
    from headworks.operations.control import Pause
    from headworks.operations.purging_redis import Choice
    from headworks.queue import Queue


class OnRedis:
    """Reaches consumers of these queues, all on one server.

    Nobody connects before something is asked.  Every method but `has` raises `Unavailable`.
    """

    def __init__(
        self, queues: Iterable[Queue], connect: Callable[[], Connection], *, scripts: Scripts | None = None
    ) -> None:
        self.queues = {queue.name: queue for queue in queues}
        self._connect = connect
        self._scripts = scripts

    def has(self, address: Address) -> bool:
        """Whether the consumer's messages travel over Redis."""
        return address.queue in self.queues

    def figures(self, addresses: Sequence[Address]) -> Mapping[Address, Figures]:
        """The numbers of those that travel over Redis; the first that isn't answered speaks for all."""
        here = [address for address in addresses if self.has(address)]
        if not here:
            return {}
        connection = self._connect()
        return {address: connection.run(self._upkeep(address).figures()) for address in here}

    def pause(self, address: Address, pause: Pause) -> None:
        """Hand its consumer nothing out from now on; the earlier pause stays, if it is paused already."""
        upkeep = self._upkeep(address)
        self._connect().run(upkeep.pause(at=pause.since, by=pause.by, reason=pause.reason or ""))

    def resume(self, address: Address) -> bool:
        """Hand out again; false if nothing was paused."""
        return self._connect().run(self._upkeep(address).resume())

    def purge(self, address: Address, choice: Choice, *, goes_on: Callable[[], bool]) -> Removed:
        """Remove what may go and nobody is at work on, until it is done or `goes_on` says no."""
        upkeep = Upkeep(Keys(address.queue), address.consumer, key_of=choice.key_of, scripts=self._scripts)
        return self._connect().run(upkeep.purge(chosen=choice, running_too=False, goes_on=goes_on))

    def accepted_under(self, queue: str, key: str) -> AcceptedUnder | None:
        """Who was accepted under a key of one of these queues, and isn't forgotten yet."""
        return self._connect().run(accepted_under(Keys(queue), key))

    def whereabouts(self, address: Address, message_id: str) -> Whereabouts:
        """Whether a message waits at a consumer, or is marked as done."""
        return self._connect().run(whereabouts(Keys(address.queue).of(address.consumer), message_id))

    def _upkeep(self, address: Address) -> Upkeep:
        return Upkeep(Keys(address.queue), address.consumer, scripts=self._scripts)
