"""What must be true of a queue on Redis, whatever was done to it: a model that follows along and objects."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from headworks.brokers.redis.delivered import Received
    from tests.support.redis_queue import Process

QUEUED, LEASED, WAITING, DONE, DEAD = "queued", "leased", "waiting", "done", "dead"


@dataclass
class Fate:
    """Where one message stands with one consumer."""

    id: str
    ordering_key: str
    delayed: bool
    state: str = QUEUED
    lease: Lease | None = None
    # Its lease has run out, and nobody has taken it over yet.
    expired: bool = False
    crashes: int = 0
    # Somebody finished it after its lease was lost.
    late: bool = False
    holds_key: bool = False
    attempts: int = 0

    @property
    def is_over_unseen(self) -> bool:
        """Whether whoever looked may have put it aside by now: it was finished late, or was part of a run."""
        of_run = self.lease is not None and self.lease.received.run > 1
        return self.state == LEASED and self.expired and (self.late or of_run)


@dataclass(frozen=True, eq=False)
class Lease:
    """A delivery, and whose it is."""

    owner: Process
    received: Received


@dataclass
class Books:
    """One consumer's messages."""

    fifo: bool
    fates: dict[str, Fate] = field(default_factory=dict)

    def accept(self, message_id: str, ordering_key: str, *, delayed: bool) -> None:
        state = WAITING if delayed else QUEUED
        self.fates[message_id] = Fate(message_id, ordering_key, delayed, state=state)

    def deliver(self, lease: Lease, *, idle: bool, beside: int) -> None:
        """Object to a delivery that mustn't be."""
        received = lease.received
        fate = self.fates[received.message_id]
        told = f"{fate.id} was handed out"
        assert fate.state == QUEUED or (fate.state == LEASED and fate.expired), f"{told} while {fate.state}"
        assert received.past.attempts == fate.attempts, f"{told} with {received.past.attempts} attempts"
        taken_over = (
            fate.state == LEASED and received.run == 1 and fate.lease and fate.lease.received.run == 1
        )
        if taken_over:
            self._take_over(fate, lease, idle=idle, beside=beside)
        else:
            assert not received.is_suspect, f"{told} as a suspect"
            fate.crashes = 0
        if fate.state == LEASED:
            assert not fate.late, f"{told}, and somebody has finished it"
        if self.fifo:
            self._check_order(fate, received)
        fate.state, fate.lease, fate.expired, fate.holds_key = LEASED, lease, False, True

    def _take_over(self, fate: Fate, lease: Lease, *, idle: bool, beside: int) -> None:
        received, before = lease.received, fate.lease
        assert received.is_suspect, f"{fate.id} died with its owner and is no suspect"
        assert idle, f"{fate.id} is a suspect and was given to somebody busy"
        assert beside == 1, f"{fate.id} is a suspect and {beside - 1} came with it"
        fate.crashes += before is not None and before.received.is_suspect
        assert received.crashes == fate.crashes, f"{fate.id}: {received.crashes} crashes, not {fate.crashes}"

    def _check_order(self, fate: Fate, received: Received) -> None:
        for other in self.fates.values():
            if other is fate or other.ordering_key != fate.ordering_key:
                continue
            same_run = other.lease is not None and other.lease.received.entry == received.entry
            is_out = other.holds_key and not other.is_over_unseen
            assert same_run or not is_out, f"{fate.id} was handed out while {other.id} is {other.state}"
            # Those that were delayed queue up when somebody looks: their place isn't known here.
            if not fate.delayed and not other.delayed and other.state in (QUEUED, WAITING) and not other.late:
                assert other.id > fate.id, f"{fate.id} overtook {other.id}"

    def is_held(self, lease: Lease) -> bool | None:
        """Whether a lease is still its owner's; none where whoever looked may have put its message aside."""
        fate = self.fates[lease.received.message_id]
        if fate.state != LEASED or fate.lease is not lease:
            return False
        return None if fate.is_over_unseen else True

    def put_aside(self, lease: Lease) -> None:
        """It was: what is finished is settled, what was part of a run is in line again."""
        fate = self.fates[lease.received.message_id]
        fate.state, fate.lease, fate.holds_key = (DONE if fate.late else QUEUED), None, False

    def finish(self, lease: Lease) -> None:
        fate = self.fates[lease.received.message_id]
        if fate.state == LEASED and fate.lease is lease:
            fate.state, fate.lease, fate.holds_key = DONE, None, False
        elif fate.state not in (DONE, DEAD):
            fate.late = True

    def bury(self, lease: Lease) -> None:
        fate = self.fates[lease.received.message_id]
        fate.state, fate.lease, fate.holds_key = DEAD, None, False

    def wait(self, lease: Lease, *, failed: bool) -> None:
        fate = self.fates[lease.received.message_id]
        fate.state, fate.lease, fate.crashes, fate.holds_key = WAITING, None, 0, True
        fate.attempts += failed

    def give_back(self, lease: Lease) -> None:
        fate = self.fates[lease.received.message_id]
        if lease.received.is_suspect:
            # As if it had never been delivered: its owner before is the one that died.
            fate.expired = True
            fate.lease = Lease(lease.owner, _as_delivered_before(lease.received))
            fate.crashes -= fate.lease.received.is_suspect
        else:
            fate.state, fate.lease, fate.holds_key = QUEUED, None, False

    def let_leases_run_out(self) -> None:
        for fate in self.fates.values():
            fate.expired = fate.state == LEASED

    def let_waits_end(self) -> None:
        for fate in self.fates.values():
            if fate.state == WAITING:
                fate.state, fate.holds_key = QUEUED, False

    def open(self) -> list[str]:
        """What is neither done nor dead."""
        return [f.id for f in self.fates.values() if f.state not in (DONE, DEAD) and not f.late]


def _as_delivered_before(received: Received) -> Received:
    return msgspec.structs.replace(received, count=received.count - 1)
