"""The numbers of every consumer and source, from SQS, Redis, the ledger, Lambda and CloudWatch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypedDict

from headworks.ledger.catalogue import EVERYTHING, Address, Filter, addresses_of
from headworks.ledger.ledger import State
from headworks.operations import warnings
from headworks.operations.control import MOST_COUNTED, ConsumerStats, SourceStats
from headworks.operations.directory import place_of
from headworks.operations.flags import of_consumer, of_source
from headworks.operations.metrics import Told
from headworks.operations.pausing import pause_of, paused_on_redis
from headworks.operations.side_by_side import Hearing, SideBySide
from headworks.stores import asking

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from mypy_boto3_sqs import SQSClient

    from headworks.brokers.redis.upkeep import Figures
    from headworks.clock import Clock
    from headworks.ledger.catalogue import Catalogue, Count
    from headworks.operations.directory import Directory
    from headworks.operations.flags import Flag, Flags
    from headworks.operations.kept_back import KeptBack
    from headworks.operations.mappings import Mappings, MappingState
    from headworks.operations.metrics import Metrics
    from headworks.operations.on_redis import OnRedis
    from headworks.operations.side_by_side import Asked
    from headworks.queue import Queue
    from headworks.telemetry import Log
    from headworks.topology import Topology

AT_ONCE = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where numbers come from."""

    sqs: SQSClient
    directory: Directory
    mappings: Mappings
    flags: Flags
    catalogue: Catalogue
    kept_back: KeptBack
    metrics: Metrics
    on_redis: OnRedis


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lying:
    """How many messages lie on a queue, as SQS counts them: approximately."""

    visible: int
    in_flight: int
    delayed: int

    @property
    def all_there_are(self) -> int:
        """Wherever it lies."""
        return self.visible + self.in_flight + self.delayed


class _Moving(TypedDict, total=False):
    """What isn't dead and isn't in the ledger: what of it is told depends on what the queue travels over."""

    pending: int | None
    processing: int | None
    retrying: int | None
    delayed: int | None
    due: int | None
    parked: int | None
    oldest_age: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Common:
    """What is asked for all consumers at once."""

    flags: Asked[Mapping[str, Flag]]
    told: Asked[Mapping[Address, Told]]
    on_redis: Asked[Mapping[Address, Figures]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Inquiry:
    """All that is asked of one consumer."""

    queue: Asked[_Lying]
    dead_letter_queue: Asked[_Lying]
    mapping: Asked[MappingState]
    retrying: Asked[Count]
    waiting: Asked[Count]
    dead: Asked[Count]

    def heard_by(
        self, hearing: Hearing
    ) -> tuple[_Lying | None, _Lying | None, Count | None, Count | None, Count | None, MappingState | None]:
        """What lies on the queue and the dead-letter queue, what retries, waits and is dead, and the mapping."""
        return (
            hearing.hear(self.queue),
            hearing.hear(self.dead_letter_queue),
            hearing.hear(self.retrying),
            hearing.hear(self.waiting),
            hearing.hear(self.dead),
            hearing.hear(self.mapping),
        )


class DeployedStatistics:
    """Asks about everything at once; what is in trouble is told with the consumer that it is about."""

    def __init__(self, topology: Topology, sources: Sources, *, clock: Clock, log: Log) -> None:
        self._topology = topology
        self._from = sources
        self._clock = clock
        self._log = log
        self._calls = SideBySide(AT_ONCE, "statistics")

    def of_queues(self, queues: Sequence[Queue]) -> dict[str, list[ConsumerStats]]:
        addresses = addresses_of(queues)
        names = [of_consumer(address) for address in addresses]
        common = _Common(
            flags=self._calls.ask("The record of pauses", self._from.flags.read, names),
            told=self._calls.ask("CloudWatch", self._told_of, addresses),
            # One after the other over one connection: where Redis doesn't answer, that is waited for once.
            on_redis=self._calls.ask("What is on Redis", self._from.on_redis.figures, addresses),
        )
        inquiries = {address: self._inquire(address) for address in addresses}
        return {
            queue.name: [
                self._stats(queue, address, inquiries[address], common)
                for address in addresses
                if address.queue == queue.name
            ]
            for queue in queues
        }

    def of_sources(self) -> list[SourceStats]:
        names = [source.name for source in self._topology.sources]
        record = self._calls.ask(
            "The record of pauses", self._from.flags.read, [of_source(name) for name in names]
        )
        held = {
            name: self._calls.ask(f"What {name} sent", self._from.kept_back.count, name) for name in names
        }
        hearing = Hearing(self._log)
        flags = hearing.hear(record) or {}
        counts = {name: hearing.hear(asked) for name, asked in held.items()}
        return [
            SourceStats(
                name=name,
                paused=pause_of(flags.get(of_source(name)), None),
                held=None if (count := counts[name]) is None else count.number,
            )
            for name in names
        ]

    def _inquire(self, address: Address) -> _Inquiry:
        ask, now = self._calls.ask, self._clock.now()
        return _Inquiry(
            queue=ask("Its queue", self._lying, address),
            dead_letter_queue=ask("Its dead-letter queue", self._lying, address, dead_letters=True),
            mapping=ask("Its event source mapping", self._from.mappings.state, address),
            # What is due is visible on the queue again.
            retrying=ask("Its retries", self._count, State.RETRYING, address, Filter(since=now)),
            waiting=ask("What waits", self._count, State.WAITING, address, EVERYTHING),
            dead=ask("Its dead letters", self._count, State.DEAD, address, EVERYTHING),
        )

    def _stats(self, queue: Queue, address: Address, inquiry: _Inquiry, common: _Common) -> ConsumerStats:
        hearing, now = Hearing(self._log), self._clock.now()
        lying, unburied, retrying, waiting, dead, state = inquiry.heard_by(hearing)
        flag = (hearing.hear(common.flags) or {}).get(of_consumer(address))
        told = (hearing.hear(common.told) or {}).get(address, Told())
        figures, paused = None, pause_of(flag, state)
        if is_on_redis := self._from.on_redis.has(address):
            figures = (hearing.hear(common.on_redis) or {}).get(address)
            paused = paused or paused_on_redis(figures)
            moving = _on_redis(figures, now)
        else:
            moving = _on_sqs(lying, retrying, told)
        return ConsumerStats(
            consumer=address.consumer,
            **moving,
            waiting=_number(waiting),
            dead=_number(dead),
            unburied=None if unburied is None else unburied.visible + unburied.in_flight,
            rates=told.rates,
            counts_are_exact=all(count.is_exact for count in (retrying, waiting, dead) if count),
            paused=paused,
            warnings=(
                *warnings.of_pause(paused, now),
                *warnings.of_disagreement(flag, state),
                *warnings.of_age(queue, told.oldest_age),
                *(warnings.of_the_other_way(lying.all_there_are if lying else 0) if is_on_redis else ()),
            ),
            trouble=tuple(hearing.trouble),
        )

    def _told_of(self, addresses: Sequence[Address]) -> Mapping[Address, Told]:
        places = self._from.directory.places()
        return self._from.metrics.of({address: places[address] for address in addresses if address in places})

    def _count(self, state: State, address: Address, only: Filter) -> Count:
        return self._from.catalogue.count(state, [address], only=only, most=MOST_COUNTED)

    def _lying(self, address: Address, *, dead_letters: bool = False) -> _Lying:
        place = place_of(self._from.directory, address)
        with asking("SQS"):
            answer = self._from.sqs.get_queue_attributes(
                QueueUrl=place.dead_letter_url if dead_letters else place.url,
                AttributeNames=[
                    "ApproximateNumberOfMessages",
                    "ApproximateNumberOfMessagesNotVisible",
                    "ApproximateNumberOfMessagesDelayed",
                ],
            )
        told = answer["Attributes"]
        return _Lying(
            visible=int(told["ApproximateNumberOfMessages"]),
            in_flight=int(told["ApproximateNumberOfMessagesNotVisible"]),
            delayed=int(told["ApproximateNumberOfMessagesDelayed"]),
        )


def _number(count: Count | None) -> int | None:
    return None if count is None else count.number


def _on_sqs(lying: _Lying | None, retrying: Count | None, told: Told) -> _Moving:
    return {
        "pending": None if lying is None else lying.visible,
        "processing": _processing(lying, retrying),
        "retrying": _number(retrying),
        "delayed": None if lying is None else lying.delayed,
        "oldest_age": told.oldest_age,
    }


def _on_redis(figures: Figures | None, now: datetime) -> _Moving:
    if figures is None:
        return {}
    oldest = figures.oldest
    return {
        "pending": figures.ready,
        "processing": figures.pending,
        "due": figures.due,
        "parked": figures.parked,
        # Redis has a clock of its own.
        "oldest_age": None if oldest is None else max(now - oldest, timedelta()),
    }


def _processing(lying: _Lying | None, retrying: Count | None) -> int | None:
    """What runs: what hides until its next attempt is in flight, too."""
    if lying is None or retrying is None:
        return None
    return max(lying.in_flight - retrying.number, 0)
