"""Finding by keyed reads: what the edges remember of a name, and what the ledgers know of the keys behind it.

Three calls: the edges' items, the index of message ids, and the ledgers' items.  Redis is asked about its queues.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from headworks.clock import SystemClock
from headworks.deduplication import Sought, effect_key
from headworks.errors import Unavailable
from headworks.fingerprint import bits_of, fingerprint, made_at
from headworks.ledger.catalogue import Address, addresses_of
from headworks.operations.finding import Found, Received
from headworks.operations.finding_redis import FoundOnRedis, find_on_redis
from headworks.webhooks.identity import event_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from headworks.clock import Clock
    from headworks.deduplication import Acceptance, Acceptances
    from headworks.ledger.catalogue import Catalogue, Story
    from headworks.operations.on_redis import OnRedis
    from headworks.queue import Queue
    from headworks.topology import Topology

# Of a key that had more windows than that, the latest are read.
MOST_WINDOWS = 10

_LATER_WINDOW = re.compile(r"(.+)\.([1-9][0-9]{0,8})", re.DOTALL)


class _Key(NamedTuple):
    """A sender's key in a queue that a name may stand for; `window` where it names one of the key's windows."""

    queue: str
    key: str
    window: int | None = None


class _Clues:
    """What is gathered about a name before the ledgers are read.

    Keys (with their queues) that `mean` the name, and others that are read since a message of this id may lie
    under them: those of the earlier windows of its key.
    """

    def __init__(self, *, name: str, meant: Iterable[_Key]) -> None:
        self._name = name
        self._windows: dict[tuple[str, str], set[int | None]] = defaultdict(set)
        for each in meant:
            self._windows[each.queue, each.key].add(each.window)
        # Also what no edge remembers: a ledger alone may know of it.
        self._mean = {(each.queue, each.key): None for each in meant if each.window is None}
        self._may_hold_it: dict[tuple[str, str], None] = {}
        self.received: list[Received] = []

    @property
    def keys(self) -> dict[tuple[str, str], None]:
        """What the ledgers are to be asked about, beside the name itself."""
        return self._mean | self._may_hold_it

    def take(self, acceptance: Acceptance, queue: Queue) -> None:
        """What an edge remembers of a key that the name may stand for, or that its fingerprint is of."""
        epoch = acceptance.remembered.epoch
        latest = range(epoch, max(-1, epoch - MOST_WINDOWS), -1)
        keys = {(queue.name, effect_key(acceptance.key, window)): None for window in latest}
        windows = self._windows.get((queue.name, acceptance.key))
        if windows is None:
            self._may_hold_it |= keys
            if _is_of_window(self._name, acceptance, queue):
                self._mean[queue.name, effect_key(acceptance.key, epoch)] = None
                self.received.append(_received(acceptance))
        elif None in windows:
            self._mean |= keys
            self.received.append(_received(acceptance))
        elif epoch in windows:
            self.received.append(_received(acceptance))

    def lead_to(self, story: Story) -> bool:
        """Whether a story is of the name, and not of another message that its key had in another window."""
        entry = story.listed.entry
        return (story.listed.address.queue, entry.key) in self._mean or self._name in (
            entry.key,
            entry.message_id,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyedFinder:
    """Finds in all queues of a topology."""

    topology: Topology
    acceptances: Acceptances
    catalogue: Catalogue
    on_redis: OnRedis
    clock: Clock = field(default_factory=SystemClock)

    def find(self, name: str) -> Found:
        """By a message id, an idempotency key, a provider's event id or an order id.

        Raises `Unavailable`; where Redis alone doesn't answer, only if nothing is found elsewhere.
        """
        if not name:
            return Found()
        meant = list(dict.fromkeys(self._keys_of(name)))
        clues = _Clues(name=name, meant=meant)
        for acceptance in self.acceptances.find(self._sought(name, meant)):
            clues.take(acceptance, self._queue(acceptance.queue))
        stories = [
            story
            for story in self.catalogue.find(name, self._addresses, keys=self._by_consumer(clues.keys))
            if clues.lead_to(story)
        ]
        queued = self._queued(clues.received, stories)
        found = Found(received=tuple(clues.received), stories=tuple(stories), queued=tuple(queued))
        try:
            return _with_redis(found, self._on_redis(name, meant))
        except Unavailable as error:
            # To say that nothing is known would be a guess.
            if found.is_empty:
                raise
            return replace(found, trouble=(f"What is on Redis isn't known: {error}.",))

    def _on_redis(self, name: str, meant: Iterable[_Key]) -> FoundOnRedis:
        keys = [
            (each.queue, each.key)
            for each in meant
            if each.window is None and each.queue in self.on_redis.queues
        ]
        return find_on_redis(self.on_redis, name, keys)

    @property
    def _addresses(self) -> list[Address]:
        return addresses_of(self.topology.queues)

    def _keys_of(self, name: str) -> Iterator[_Key]:
        """Every sender's key that the name may stand for."""
        later = _LATER_WINDOW.fullmatch(name)
        for queue in self.topology.queues:
            yield _Key(queue.name, name)
            if later is not None:
                yield _Key(queue.name, later[1], int(later[2]))
        for route in self.topology.routes:
            for source in self.topology.sources:
                if route.serves(source.name):
                    yield _Key(route.queue, event_key(source.name, name, endpoint=route.endpoint))

    def _sought(self, name: str, meant: Sequence[_Key]) -> list[Sought]:
        bits = bits_of(name)
        by_id = [] if bits is None else [Sought(queue.name, bits) for queue in self.topology.queues]
        return [*by_id, *(Sought(each.queue, fingerprint(each.queue, each.key)) for each in meant)]

    def _queued(
        self, received: Sequence[Received], stories: Sequence[Story]
    ) -> Iterator[tuple[Address, Received]]:
        """Who is still to take what was accepted.

        A ledger that remembers nothing of an old message has forgotten it: on no queue is anything so old.
        """
        known = {(each.listed.address, each.listed.entry.key) for each in stories}
        for each in received:
            queue = self._queue(each.queue)
            if each.forgotten or each.accepted_at + queue.memory_of_keys <= self.clock.now():
                continue
            for consumer in queue.consumers:
                address = Address(queue.name, consumer)
                if (address, effect_key(each.key, each.window)) not in known:
                    yield address, each

    def _by_consumer(self, keys: Iterable[tuple[str, str]]) -> dict[Address, list[str]]:
        by_consumer: dict[Address, list[str]] = defaultdict(list)
        for queue, key in keys:
            for consumer in self._queue(queue).consumers:
                by_consumer[Address(queue, consumer)].append(key)
        return dict(by_consumer)

    def _queue(self, name: str) -> Queue:
        return next(queue for queue in self.topology.queues if queue.name == name)


def _with_redis(found: Found, there: FoundOnRedis) -> Found:
    """What is found, and what Redis adds: whatever the ledger knows of a message is newer, or more."""
    known = {(each.listed.address, each.listed.entry.message_id) for each in found.stories}
    added = (
        each for each in there.stories if (each.listed.address, each.listed.entry.message_id) not in known
    )
    return replace(
        found,
        received=(*found.received, *there.received),
        stories=(*found.stories, *added),
        accepted=tuple(
            (address, each) for address, each in there.accepted if (address, each.message_id) not in known
        ),
    )


def _is_of_window(message_id: str, acceptance: Acceptance, queue: Queue) -> bool:
    """Whether a message of this id is the one that was accepted, or its copy: no message of an earlier window."""
    made, remembered = made_at(message_id), acceptance.remembered
    if made is None or bits_of(message_id) != fingerprint(queue.name, acceptance.key):
        return False
    return message_id == remembered.message_id or made > remembered.accepted_at - queue.deduplication_window


def _received(acceptance: Acceptance) -> Received:
    remembered = acceptance.remembered
    return Received(
        queue=acceptance.queue,
        message_id=remembered.message_id,
        key=acceptance.key,
        accepted_at=remembered.accepted_at,
        repeats_until=remembered.window_ends,
        window=remembered.epoch,
        source=remembered.source,
        type=remembered.type,
        forgotten=remembered.forgotten,
    )
