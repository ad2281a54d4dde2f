"""Purging: what lies on consumers' queues is received and deleted, up to a moment, and its keys are released.

Of a queue on Redis what lies there is removed, and what still lies on SQS.

Not SQS's own PurgeQueue, which may take what is sent in the minute after it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from headworks.brokers.record import delivery_of
from headworks.errors import Undecodable
from headworks.ledger.ledger import Entry, State
from headworks.operations.control import Purged
from headworks.operations.directory import place_of
from headworks.operations.purging_redis import Choice
from headworks.operations.taking import MOST_AT_ONCE, Hand
from headworks.processing import message_in
from headworks.telemetry import Action

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from mypy_boto3_sqs import SQSClient

    from headworks.brokers.redis.purging import Removed
    from headworks.clock import Clock
    from headworks.deduplication import Deduplication
    from headworks.ledger.catalogue import Address
    from headworks.ledger.interventions import Interventions
    from headworks.operations.directory import Directory
    from headworks.operations.on_redis import OnRedis
    from headworks.queue import Queue
    from headworks.telemetry import Log
    from headworks.topology import Topology

HANDS = 8
# Whoever purges may be killed: then what it had received comes back after this.
HIDDEN = timedelta(minutes=1)
# One more turn: a receive, and what is done to ten messages.
ENOUGH = timedelta(seconds=3)
# Somebody runs it now, or is putting it back: it isn't ours to take.
_ON_THEIR_WAY = frozenset({State.RUNNING, State.REPLAYING})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tally:
    """What one hand came to."""

    purged: int
    kept: int
    more: bool


class DeployedPurging:
    """Purges queues of the deployment, several hands to each."""

    def __init__(
        self,
        topology: Topology,
        *,
        sqs: SQSClient,
        directory: Directory,
        on_redis: OnRedis,
        memory: Callable[[Queue], Deduplication],
        interventions: Callable[[Address], Interventions],
        clock: Clock,
        log: Log,
        hands: int = HANDS,
    ) -> None:
        self._topology = topology
        self._sqs = sqs
        self._directory = directory
        self._on_redis = on_redis
        self._memory = memory
        self._interventions = interventions
        self._clock = clock
        self._log = log
        self._hands = hands
        self._calls = ThreadPoolExecutor(hands, thread_name_prefix="purging")

    def purge(
        self, addresses: Sequence[Address], *, before: datetime | None, remaining: Callable[[], timedelta]
    ) -> Purged:
        before = before or self._clock.now()
        in_flight, tallies = 0, list[_Tally]()
        for address in addresses:
            hand = Hand(self._sqs, place_of(self._directory, address))
            in_flight += hand.in_flight()
            mine = self._purge(address, hand, before, remaining)
            if self._on_redis.has(address):
                removed = self._purge_on_redis(address, before, remaining)
                in_flight += removed.running
                mine.append(_Tally(purged=removed.removed, kept=removed.spared, more=removed.more))
            self._log(
                Action.PURGED,
                queue=address.queue,
                consumer=address.consumer,
                messages=sum(each.purged for each in mine),
            )
            tallies += mine
        return Purged(
            purged=sum(each.purged for each in tallies),
            kept=sum(each.kept for each in tallies),
            in_flight=in_flight,
            more=any(each.more for each in tallies),
            before=before,
        )

    def _purge_on_redis(
        self, address: Address, before: datetime, remaining: Callable[[], timedelta]
    ) -> Removed:
        choice = Choice(
            queue=self._declared(address), interventions=self._interventions(address), before=before
        )
        return self._on_redis.purge(address, choice, goes_on=lambda: remaining() > ENOUGH)

    def _declared(self, address: Address) -> Queue:
        return next(queue for queue in self._topology.queues if queue.name == address.queue)

    def _purge(
        self, address: Address, hand: Hand, before: datetime, remaining: Callable[[], timedelta]
    ) -> list[_Tally]:
        queue = self._declared(address)
        purge = _Purge(
            queue=queue,
            hand=hand,
            interventions=self._interventions(address),
            memory=self._memory(queue),
            before=before,
        )
        turns = [self._calls.submit(purge.go, remaining) for _ in range(self._hands)]
        errors = [error for turn in turns if (error := turn.exception()) is not None]
        if errors:
            raise errors[0]
        return [turn.result() for turn in turns]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Purge:
    """The purge of one consumer's queue."""

    queue: Queue
    hand: Hand
    interventions: Interventions
    memory: Deduplication
    before: datetime

    def go(self, remaining: Callable[[], timedelta]) -> _Tally:
        """Take messages until none is left to be seen, or no time remains; what isn't deleted goes back at the end.

        Sooner it would be received again and again.
        """
        purged, kept, spared = 0, 0, list[dict[str, Any]]()
        try:
            while remaining() > ENOUGH:
                records = self.hand.receive(MOST_AT_ONCE, hides_for=HIDDEN)
                if not records:
                    return _Tally(purged=purged, kept=kept, more=False)
                spared += records
                old = [record for record in records if delivery_of(record).sent_at < self.before]
                mine = self._withdrawn(old)
                purged += self.hand.delete(mine)
                kept += len(old) - len(mine)
                spared = [record for record in spared if record not in mine]
            return _Tally(purged=purged, kept=kept, more=True)
        finally:
            self.hand.give_back(spared)

    def _withdrawn(self, records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Those that may be deleted, when nothing speaks of them any more: no list, and not the edge.

        In this order: whoever is killed in between leaves a message that still runs.
        """
        entries = [self._entry(record) for record in records]
        by_key = {entry.key: entry for entry in entries if entry is not None}
        states = self.interventions.states(by_key)
        spared = {key for key in by_key if not self._may_go(key, states.get(key))}
        fresh = [entry for key, entry in by_key.items() if states.get(key) in (None, State.RETRYING)]
        self.memory.forget([entry.message_id for entry in fresh if entry.key not in spared])
        return [
            record
            for record, entry in zip(records, entries, strict=True)
            if entry is None or entry.key not in spared
        ]

    def _may_go(self, key: str, state: State | None) -> bool:
        if state is State.RETRYING:
            return self.interventions.withdraw(key)
        return state not in _ON_THEIR_WAY

    def _entry(self, record: dict[str, Any]) -> Entry | None:
        """Whose message it is; nobody's where it can't be read."""
        try:
            return Entry.of(message_in(delivery_of(record), self.queue))
        except Undecodable:
            return None
