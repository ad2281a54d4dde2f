"""Pausing and resuming consumers and sources, in the deployment."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar

from headworks.errors import Unavailable
from headworks.ledger.catalogue import addresses_of
from headworks.operations.control import Changed, Pause
from headworks.operations.flags import Phase, of_consumer, of_source
from headworks.telemetry import Action

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from headworks.brokers.redis.upkeep import Figures
    from headworks.clock import Clock
    from headworks.ledger.catalogue import Address
    from headworks.operations.flags import Flag, Flags
    from headworks.operations.mappings import Mappings, MappingState
    from headworks.operations.on_redis import OnRedis
    from headworks.operations.resuming import Resuming
    from headworks.telemetry import Log
    from headworks.topology import Topology

T = TypeVar("T")

SIDE_BY_SIDE = 8
# Who resumes a source sends a part of what was kept back; the rest is sent every minute.
FIRST_PART = timedelta(seconds=8)
# On record where a mapping was disabled by other means.
SOMEBODY = "AWS"
# Who paused a consumer on Redis without a name.
ON_REDIS = "Redis"


class DeployedPauses:
    """A consumer's pause is a flag and a disabled mapping, a source's a flag that the edge reads.

    The flag goes up first and comes down last: no mapping is left disabled that isn't on record.
    What travels over Redis is paused there, too, so that nobody takes a message until the flag is read.
    """

    def __init__(
        self,
        topology: Topology,
        *,
        flags: Flags,
        mappings: Mappings,
        on_redis: OnRedis,
        resuming: Resuming,
        clock: Clock,
        log: Log,
    ) -> None:
        self._topology = topology
        self._flags = flags
        self._mappings = mappings
        self._on_redis = on_redis
        self._resuming = resuming
        self._clock = clock
        self._log = log
        self._calls = ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="pauses")

    def pause(self, addresses: Sequence[Address], *, by: str, reason: str | None) -> list[Changed]:
        wanted = Pause(since=self._clock.now(), by=by, reason=reason)
        return self._each(addresses, lambda address: self._pause(address, wanted))

    def resume(self, addresses: Sequence[Address]) -> list[Changed]:
        return self._each(addresses, self._resume)

    def pause_source(self, source: str, *, by: str, reason: str | None) -> Changed:
        before = self._flags.read([of_source(source)]).get(of_source(source))
        flag = self._flags.put_up(of_source(source), Pause(since=self._clock.now(), by=by, reason=reason))
        self._log(Action.PAUSED, source=source, by=flag.pause.by, why=flag.pause.reason)
        return Changed(source=source, paused=flag.pause, changed=before is None or not before.is_up)

    def resume_source(self, source: str) -> Changed:
        changed = self._flags.take_down(of_source(source), phase=Phase.RESUMING, at=self._clock.now())
        self._log(Action.RESUMED, source=source)
        flag = self._flags.read([of_source(source)]).get(of_source(source))
        self._resuming.go_on(source, flag, remaining=self._until(self._clock.now() + FIRST_PART))
        return Changed(source=source, changed=changed)

    def of_consumers(self) -> dict[Address, Pause]:
        addresses = addresses_of(self._topology.queues)
        flags = self._flags.read([of_consumer(address) for address in addresses])
        states = self._each(addresses, self._mappings.state)
        pauses = {
            address: pause_of(flags.get(of_consumer(address)), state)
            for address, state in zip(addresses, states, strict=True)
        }
        return {address: pause for address, pause in pauses.items() if pause is not None}

    def of_sources(self) -> dict[str, Pause]:
        flags = self._flags.read([of_source(source.name) for source in self._topology.sources])
        return {
            source.name: flag.pause
            for source in self._topology.sources
            if (flag := flags.get(of_source(source.name))) is not None and flag.is_up
        }

    def _pause(self, address: Address, wanted: Pause) -> Changed:
        before = self._flags.read([of_consumer(address)]).get(of_consumer(address))
        flag = self._flags.put_up(of_consumer(address), wanted)
        self._mappings.turn(address, on=False)
        self._pause_on_redis(address, flag.pause)
        self._log(
            Action.PAUSED,
            queue=address.queue,
            consumer=address.consumer,
            by=flag.pause.by,
            why=flag.pause.reason,
        )
        return Changed(address=address, paused=flag.pause, changed=before is None or not before.is_up)

    def _resume(self, address: Address) -> Changed:
        was_enabled = self._mappings.state(address).is_enabled
        self._mappings.turn(address, on=True)
        was_paused = self._on_redis.has(address) and self._on_redis.resume(address)
        was_up = self._flags.take_down(of_consumer(address), phase=Phase.OVER, at=self._clock.now())
        self._log(Action.RESUMED, queue=address.queue, consumer=address.consumer)
        return Changed(address=address, changed=was_up or was_paused or not was_enabled)

    def _pause_on_redis(self, address: Address, pause: Pause) -> None:
        if not self._on_redis.has(address):
            return
        try:
            self._on_redis.pause(address, pause)
        except Unavailable as error:
            # The flag pauses alone: whoever takes from Redis reads it every few seconds.
            self._log(
                Action.TROUBLE,
                what="Redis can't be told of its pause",
                queue=address.queue,
                consumer=address.consumer,
                error=error,
            )

    def _each(self, addresses: Iterable[Address], do: Callable[[Address], T]) -> list[T]:
        """Everybody's turn, side by side; trouble of one is raised when all had theirs."""
        turns = [self._calls.submit(do, address) for address in addresses]
        errors = [error for turn in turns if (error := turn.exception()) is not None]
        if errors:
            raise errors[0]
        return [turn.result() for turn in turns]

    def _until(self, end: datetime) -> Callable[[], timedelta]:
        return lambda: end - self._clock.now()


def pause_of(flag: Flag | None, state: MappingState | None) -> Pause | None:
    """Whether a consumer is paused: by its flag, or by a mapping that somebody has disabled by other means."""
    if flag is not None and flag.is_up:
        return flag.pause
    if state is not None and not state.is_enabled:
        return Pause(since=state.changed_at, by=SOMEBODY)
    return None


def paused_on_redis(figures: Figures | None) -> Pause | None:
    """A pause that is on Redis alone: not the record's, but the library's own."""
    if figures is None or figures.paused is None:
        return None
    paused = figures.paused
    return Pause(since=paused.since, by=paused.by or ON_REDIS, reason=paused.reason or None)
