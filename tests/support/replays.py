"""A queue of two consumers, their dead letters, and who replays them: in memory."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from headworks.ledger.catalogue import Address
from headworks.ledger.ledger import Entry, Failure, Lease, Letter
from headworks.ledger.memory import MemoryLedger
from headworks.ledger.memory_catalogue import MemoryCatalogue
from headworks.ledger.memory_dead_letters import MemoryDeadLetters
from headworks.operations.replay_store import MemoryReplayStore
from headworks.operations.replaying import ReplayParts, StoredReplays
from headworks.operations.replays import (
    ReplayRequest,
    Selection,
)
from headworks.outcome import Reason
from headworks.testing.broker import MemoryBroker
from headworks.topology import Topology
from tests.support.declarations import SECOND, a_queue

MINUTE = timedelta(minutes=1)
ID = "rpl_" + "0" * 32
ALL = Selection()


class Stand:
    """A queue of two consumers, their dead letters, and who replays them."""

    def __init__(self, clock, log, **fields):
        self.clock, self.log = clock, log
        self.queue = a_queue(**{"consumers": ("fulfil_order", "notify_order"), **fields})
        self.addresses = [Address("orders", consumer) for consumer in self.queue.consumers]
        self.ledgers = {address: MemoryLedger(clock) for address in self.addresses}
        self.brokers = {address: MemoryBroker(ordered=self.queue.fifo) for address in self.addresses}
        self.catalogue = MemoryCatalogue(self.ledgers, clock)
        self.store = MemoryReplayStore()
        self.time_left = 20 * SECOND
        self.paused = 0.0
        self.replays = self.another()

    def another(self):
        """Somebody else who replays, with the same stores."""
        return StoredReplays(
            ReplayParts(
                topology=Topology(queues=(self.queue,)),
                catalogue=self.catalogue,
                dead_letters=lambda address: MemoryDeadLetters(self.ledgers[address], self.clock),
                broker=self.brokers.__getitem__,
                claim_check=lambda _: None,
                store=self.store,
                clock=self.clock,
                log=self.log,
                pause=self._pause,
            )
        )

    @property
    def ledger(self):
        return self.ledgers[self.addresses[0]]

    @property
    def broker(self):
        return self.brokers[self.addresses[0]]

    def _pause(self, seconds):
        self.paused += seconds
        self.clock.advance(timedelta(seconds=seconds))

    def bury(self, *keys, consumer=0, **fields):
        """Dead letters, one a second."""
        for key in keys:
            ledger = self.ledgers[self.addresses[consumer]]
            [lease] = ledger.lease([an_entry(key, **fields)], lasts=MINUTE)
            self.die(lease, ledger)
            self.clock.advance(SECOND)

    def die(self, lease, ledger=None):
        (ledger or self.ledger).bury(
            lease.entry,
            Letter(body=lease.entry.key, sent_at=self.clock.now(), ordering_key=lease.entry.ordering_key),
            reason=Reason.EXHAUSTED,
            failure=Failure(attempt=lease.attempt, at=self.clock.now(), error_type="ValueError", error="no"),
            holder=lease,
        )

    def run(self, key, consumer=0):
        [lease] = self.ledgers[self.addresses[consumer]].lease([an_entry(key)], lasts=MINUTE)
        assert isinstance(lease, Lease)
        return lease

    def complete(self, key):
        assert self.ledger.complete([self.run(key)]) == [True]

    def ask(self, selection=ALL, **fields):
        return self.replays.start(a_request(selection, **fields))

    def replay(self, selection=ALL, **fields):
        """Ask for a replay, and work at it for as long as there is time."""
        request = a_request(selection, **fields)
        self.replays.start(request)
        return self.work(request.id)

    def work(self, id_, replays=None):
        until = self.clock.now() + self.time_left
        return (replays or self.replays).work(id_, remaining=lambda: until - self.clock.now())

    def sent(self, consumer=0):
        """Which keys were sent, in their order."""
        return [each.letter.body for each in self.brokers[self.addresses[consumer]].put_back]

    def states(self):
        return {key: str(item.state) for key, item in self.ledger.items.items()}


def a_request(selection=ALL, **fields):
    defaults = {"id": f"rpl_{uuid4().hex}", "queue": "orders", "selection": selection, "by": "ops"}
    return ReplayRequest(**{**defaults, **fields})


def named(*names):
    return Selection(names=names)


def an_entry(key, **fields):
    return Entry(**{"key": key, "message_id": f"msg_{key}", "type": "t", "source": "s", **fields})


def keys(number):
    return [f"k{n:04}" for n in range(number)]
