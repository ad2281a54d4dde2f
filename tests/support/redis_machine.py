"""Anything that processes may do to a queue on Redis, in any order, and what must be true all the while."""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import TYPE_CHECKING, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from headworks.brokers.redis.delivered import Finished, Waits
from headworks.brokers.redis.keys import Keys
from tests.support.guarded_scripts import guarded_scripts
from tests.support.redis_model import Books, Lease
from tests.support.redis_queue import Process, RedisQueue

if TYPE_CHECKING:
    from collections.abc import Callable

    from headworks.brokers.redis.scripts import Scripts

ENDS: dict[str, tuple[Callable, Callable]] = {
    "finish": (Process.finish, Books.finish),
    "fail": (Process.fail, partial(Books.wait, failed=True)),
    "defer": (Process.defer, partial(Books.wait, failed=False)),
    "bury": (Process.bury, Books.bury),
}
CONSUMERS = ("bill", "ship")
ORDERING_KEYS = ("a", "b")
consumers = st.sampled_from(CONSUMERS)
numbers = st.integers(0, 10**6)


class QueueMachine(RuleBasedStateMachine):
    """Two consumers, two processes each, which die and come back under new names.

    All messages have the same body: what tells them apart is their id.
    """

    server: ClassVar
    scripts: ClassVar[Callable[[], Scripts]] = staticmethod(guarded_scripts)
    keys: ClassVar[type[Keys]] = Keys
    fifo: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self.queue = RedisQueue(
            self.server, type(self).scripts(), consumers=CONSUMERS, fifo=self.fifo, keys=self.keys
        )
        self.books = {each: Books(self.fifo) for each in CONSUMERS}
        self.leases: dict[str, list[Lease]] = {each: [] for each in CONSUMERS}
        self.names = count()
        self.sent = count()
        self.processes: dict[str, list] = {}

    @initialize()
    def start(self):
        for consumer in CONSUMERS:
            self.processes[consumer] = [self._process(consumer), self._process(consumer)]

    @rule(number=st.integers(1, 8), ordering_key=st.sampled_from(ORDERING_KEYS), delayed=st.booleans())
    def send(self, number, ordering_key, delayed):
        ids = [f"m{next(self.sent):06}" for _ in range(number)]
        accepted = self.queue.send(*ids, body="same", ordering_key=ordering_key, delay=60 if delayed else 0)
        assert [each.message_id for each in accepted] == ids
        for books in self.books.values():
            for each in ids:
                books.accept(each, ordering_key, delayed=delayed)

    @rule(which=numbers)
    def send_again(self, which):
        if known := list(self.books["bill"].fates):
            first = known[which % len(known)]
            [accepted] = self.queue.send("another", key=first, body="same", ordering_key="a")
            assert (accepted.message_id, accepted.duplicate) == (first, True)

    @rule(consumer=consumers, which=st.integers(0, 1), most=st.integers(1, 6))
    def fetch(self, consumer, which, most):
        process = self.processes[consumer][which]
        idle = not process.deliveries.held
        self._deliver(consumer, process, process.take(most, idle=idle), idle=idle)

    @rule(consumer=consumers, which=numbers, ends=st.sampled_from(sorted(ENDS)))
    def settle(self, consumer, which, ends):
        if leases := [each for each in self.leases[consumer] if each.received.run == 1]:
            self._settle(consumer, leases[which % len(leases)], ends)

    @rule(consumer=consumers, which=numbers, ends=st.sampled_from([*sorted(ENDS), "extend", "hand back"]))
    def a_slow_owner_acts(self, consumer, which, ends):
        """One whose lease was lost while it was at work, and that doesn't know."""
        lost = [
            each
            for each in self.leases[consumer]
            if each.received.run == 1 and self.books[consumer].is_held(each) is False
        ]
        if not lost:
            return
        lease = lost[which % len(lost)]
        if ends == "extend":
            self._extend(consumer, lease)
        elif ends == "hand back":
            self._hand_back(consumer, lease)
        else:
            self._settle(consumer, lease, ends)

    @rule(consumer=consumers, which=st.integers(0, 1))
    def heartbeat(self, consumer, which):
        """Everything that a process thinks it holds; what it lost it hears of here."""
        process = self.processes[consumer][which]
        held = dict(process.deliveries.held)
        mine = [each for each in self.leases[consumer] if each.owner is process]
        late = process.extend()
        for lease in mine:
            if held.get(lease.received.entry) != lease.received.count:
                continue
            if self._was_held(consumer, lease, late):
                self.books[consumer].fates[lease.received.message_id].expired = False

    @rule(consumer=consumers, number=st.integers(1, 3))
    def freeze_and_be_relieved(self, consumer, number):
        """Everybody stands still until the leases have run out, and whoever holds nothing takes over."""
        for _ in range(number):
            self.let_leases_run_out(consumer)
            idle = [n for n in (0, 1) if not self.processes[consumer][n].deliveries.held]
            if not idle:
                self.die_and_come_back(consumer, 0)
            self.fetch(consumer, idle[0] if idle else 0, 1)

    @rule(consumer=consumers)
    def pass_one_to_and_fro(self, consumer):
        """Each of two hears that it lost what it had while the other one has it."""
        for which in (0, 1, 0):
            self.heartbeat(consumer, 1 - which)
            self.let_leases_run_out(consumer)
            self.fetch(consumer, which, 1)

    @precondition(lambda self: self.fifo)
    @rule(consumer=consumers, which=numbers, finished=numbers, fails=st.booleans())
    def settle_a_run(self, consumer, which, finished, fails):
        runs = [
            each for each in self.leases[consumer] if each.received.run > 1 and not each.received.position
        ]
        if not runs:
            return
        first = runs[which % len(runs)]
        members = self._members(consumer, first)
        number = 1 + finished % len(members)
        process = first.owner
        verdicts = [Finished(each.received) for each in members[:number]]
        if fails and number < len(members):
            failing = members[number].received
            verdicts.append(Waits(failing, 60_000, failing.past, failed=False))
        if len(verdicts) < len(members) and not fails:
            verdicts += [Finished(each.received) for each in members[number:]]
            number = len(members)
        current = self._was_held(consumer, first, process._settle(verdicts))
        for each in members[:number]:
            self.books[consumer].finish(each)
        if current and number < len(members):
            self.books[consumer].wait(members[number], failed=False)
            for each in members[number + 1 :]:
                self.books[consumer].give_back(each)
        for each in members:
            self.leases[consumer].remove(each)

    @rule(consumer=consumers, which=numbers)
    def extend(self, consumer, which):
        if lease := self._one_of(consumer, which):
            self._extend(consumer, lease)

    @rule(consumer=consumers, which=numbers)
    def hand_back(self, consumer, which):
        if lease := self._one_of(consumer, which):
            self._hand_back(consumer, lease)

    @rule(consumer=consumers)
    def let_leases_run_out(self, consumer):
        self.queue.let_leases_run_out(consumer=consumer)
        self.books[consumer].let_leases_run_out()

    @rule(consumer=consumers)
    def let_waits_end(self, consumer):
        self.queue.let_waits_end(consumer)
        self.books[consumer].let_waits_end()

    @rule(consumer=consumers, which=st.integers(0, 1))
    def die_and_come_back(self, consumer, which):
        """What it held is nobody's until its lease runs out; its threads may still be slow and alive."""
        self.processes[consumer][which] = self._process(consumer)

    @rule(consumer=consumers, which=st.integers(0, 1))
    def leave(self, consumer, which):
        self.queue.run(self.processes[consumer][which].deliveries.leave())

    @rule(consumer=consumers)
    def repair(self, consumer):
        repaired = self.queue.run(self.queue.upkeep(consumer).repair())
        assert (repaired.freed, repaired.found) == (0, 0)

    def teardown(self):
        try:
            if self.processes:
                for consumer in CONSUMERS:
                    self.close_the_books(consumer)
        finally:
            self.queue.close()

    def close_the_books(self, consumer):
        """Everything that was accepted comes to its end, and nothing stays behind."""
        process, books = self._process(consumer), self.books[consumer]
        for _ in range(3):
            self.let_leases_run_out(consumer)
            self.let_waits_end(consumer)
            misses = 0
            while misses < 3:
                received = process.take(50)
                misses = 0 if received else misses + 1
                self._deliver(consumer, process, received, idle=True)
                process.finish(*received)
                for lease in self.leases[consumer][-len(received) :] if received else []:
                    books.finish(lease)
        assert books.open() == [], f"{consumer} never got these, or lost them"
        figures = self.queue.figures(consumer)
        left = (figures.ready, figures.pending, figures.due, figures.parked, figures.ordering_keys)
        assert left == (0, 0, 0, 0, 0), f"left behind at {consumer}: {figures}"

    def _process(self, consumer):
        return self.queue.process(f"p{next(self.names)}", consumer=consumer)

    def _deliver(self, consumer, process, received, *, idle):
        for each in received:
            lease = Lease(process, each)
            self.books[consumer].deliver(lease, idle=idle, beside=len(received))
            self.leases[consumer].append(lease)

    def _settle(self, consumer, lease, ends):
        settle, then = ENDS[ends]
        late = settle(lease.owner, lease.received)
        if self._was_held(consumer, lease, late) or ends == "finish":
            then(self.books[consumer], lease)
        self.leases[consumer].remove(lease)

    def _extend(self, consumer, lease):
        if self._was_held(consumer, lease, lease.owner.extend(lease.received)):
            for each in self._members(consumer, lease):
                self.books[consumer].fates[each.received.message_id].expired = False

    def _hand_back(self, consumer, lease):
        members = self._members(consumer, lease)
        late = lease.owner.hand_back(*(each.received for each in members))
        held = self._was_held(consumer, lease, late)
        for each in members:
            if held:
                self.books[consumer].give_back(each)
            self.leases[consumer].remove(each)

    def _was_held(self, consumer, lease, late):
        """What the server said of a lease, which must be what is known of it."""
        known = self.books[consumer].is_held(lease)
        held = lease.received.entry not in late
        assert known is None or held == known, (
            f"{lease.received.message_id}: its lease is {known}, not {held}"
        )
        if known is None and not held:
            self.books[consumer].put_aside(lease)
        return held

    def _one_of(self, consumer, which):
        leases = self.leases[consumer]
        return leases[which % len(leases)] if leases else None

    def _members(self, consumer, lease):
        return [
            each
            for each in self.leases[consumer]
            if each.received.entry == lease.received.entry
            and each.received.count == lease.received.count
            and each.owner == lease.owner
        ]


class OrderedQueueMachine(QueueMachine):
    """The same, in order by ordering key."""

    fifo = True

    @rule(consumer=consumers, ordering_key=st.sampled_from(ORDERING_KEYS), number=st.integers(3, 8))
    def build_up_a_run(self, consumer, ordering_key, number):
        """A backlog of one ordering key, of which the first is finished."""
        self.send(number, ordering_key, False)
        self.die_and_come_back(consumer, 0)
        for _ in range(2):
            self.fetch(consumer, 0, 8)
            process = self.processes[consumer][0]
            mine = [each for each in self.leases[consumer] if each.owner is process]
            for lease in mine:
                if lease.received.run == 1:
                    self._settle(consumer, lease, "finish")
