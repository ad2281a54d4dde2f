"""Processes that die at named points: the library's own parts, wrapped so that death comes between their calls."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any

from headworks.errors import Unavailable
from headworks.ledger.ledger import Lease
from headworks.telemetry import Action
from headworks.testing import Killed
from headworks.testing.log import RecordingLog
from tests.chaos.books import Step
from tests.chaos.points import Point, Way

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from headworks.testing import Environment
    from tests.chaos.books import Books

MOMENT = timedelta(milliseconds=100)
LONGER_THAN_ANY_FUNCTION = timedelta(minutes=15)


@dataclass(slots=True)
class Fate:
    """Who is to die where; `struck` counts those who did, by point and way."""

    struck: dict[tuple[Point, Way], int] = field(default_factory=dict)
    _point: Point | None = None
    _way: Way = Way.EXIT
    _passes: int = 0
    _lock: Lock = field(default_factory=Lock)

    def plan(self, point: Point, way: Way, *, passes: int = 0) -> None:
        """Have the next process die that comes to a point, after so many have passed it."""
        with self._lock:
            self._point, self._way, self._passes = point, way, passes

    def forget(self) -> None:
        """Let everybody live."""
        with self._lock:
            self._point = None

    def decide(self, point: Point) -> Way | None:
        """What happens to whoever is at a point."""
        with self._lock:
            if point is not self._point:
                return None
            if self._passes:
                self._passes -= 1
                return None
            self._point = None
            self.struck[point, self._way] = self.struck.get((point, self._way), 0) + 1
            return self._way


class Process:
    """One execution environment; its `name` is the invocation that it runs."""

    def __init__(self, environment: Environment, fate: Fate, books: Books) -> None:
        self.environment = environment
        self.books = books
        self.name = ""
        self._fate = fate

    def reach(self, point: Point) -> None:
        """Be at a point: what is planned for it happens.

        Raises `Killed` in the dead, `Unavailable` where an answer is lost.
        """
        self.environment.check()
        way = self._fate.decide(point)
        if way is Way.ANSWER_LOST:
            raise Unavailable("the ledger", "its answer was lost")
        if way is not None:
            self.die(way)

    def die(self, way: Way) -> None:
        """End this process."""
        if way is Way.TIMEOUT:
            self.environment.clock.advance(LONGER_THAN_ANY_FUNCTION)
        if way is Way.EXIT:
            self.environment.die()
        with suppress(Killed):
            self.environment.die()
        if way is Way.OUT_OF_MEMORY:
            raise MemoryError

    def step(self, key: str, attempt: int) -> Step:
        """What this process does, as the books have it.  Raises `Killed` in the dead."""
        self.environment.check()
        return Step(key=key, process=self.name, attempt=attempt)

    def begin(self, context: Any) -> None:
        """Run another invocation."""
        self.name = context.aws_request_id


class DyingLedger:
    """A process's way to the ledger: it may die around every call, and the books know what the store did."""

    before_bury, after_bury = Point.BEFORE_DEAD_WRITE, Point.AFTER_DEAD_WRITE

    def __init__(self, process: Process, store: Any) -> None:
        self._process = process
        self._books = process.books
        self._store = store

    def lease(self, entries, *, lasts):
        with self._asking(Point.BEFORE_LEASE, Point.LEASE_WRITTEN, [each.key for each in entries]):
            answers = []
            for half in self._halves(entries, Point.LEASE_HALF_WRITTEN):
                answers += map(self._leased, self._store.lease(half, lasts=lasts))
        return answers

    def take_over(self, suspect, *, lasts):
        with self._asking(Point.BEFORE_TAKE_OVER, Point.AFTER_TAKE_OVER, [suspect.entry.key]):
            return self._leased(self._store.take_over(suspect, lasts=lasts))

    def complete(self, leases):
        keys = [each.entry.key for each in leases]
        with self._asking(Point.BEFORE_COMPLETION, Point.COMPLETION_WRITTEN, keys):
            answers = []
            for half in self._halves(leases, Point.COMPLETION_HALF_WRITTEN):
                took = self._store.complete(half)
                answers += took
                self._books.records += [
                    self._step(lease) for lease, answer in zip(half, took, strict=True) if answer
                ]
        return answers

    def retry(self, lease, failure, *, due):
        with self._asking(Point.BEFORE_RETRY_WRITE, Point.AFTER_RETRY_WRITE, [lease.entry.key]):
            return self._store.retry(lease, failure, due=due)

    def wait(self, lease, failure, letter, *, due):
        with self._asking(Point.BEFORE_WAIT_WRITE, Point.AFTER_WAIT_WRITE, [lease.entry.key]):
            return self._store.wait(lease, failure, letter, due=due)

    def release(self, lease, *, due):
        with self._asking(Point.BEFORE_RELEASE, Point.AFTER_RELEASE, [lease.entry.key]):
            released = self._store.release(lease, due=due)
            if released:
                self._books.returned.append(self._step(lease))
            return released

    def bury(self, entry, letter, **fields):
        with self._asking(self.before_bury, self.after_bury, [entry.key]):
            return self._store.bury(entry, letter, **fields)

    def hold(self, entry, letter, *, due):
        with self._asking(Point.PRODUCER_BEFORE_HOLD, Point.PRODUCER_AFTER_HOLD, [entry.key]):
            return self._store.hold(entry, letter, due=due)

    def waiting(self, *, due_before, limit):
        self._process.environment.check()
        return self._store.waiting(due_before=due_before, limit=limit)

    def letter(self, entry):
        self._process.environment.check()
        return self._store.letter(entry)

    def woken(self, waiting):
        with self._asking(Point.WAKE_AFTER_SEND, Point.WAKE_AFTER_MARK, [waiting.entry.key]):
            return self._store.woken(waiting)

    def cancel(self, key):
        self._process.environment.check()
        return self._store.cancel(key)

    @contextmanager
    def _asking(self, before: Point, after: Point, keys: Sequence[str]) -> Iterator[None]:
        try:
            self._process.reach(before)
            self._process.environment.check()
            yield
            self._process.reach(after)
        except Unavailable:
            self._books.unanswered |= {(key, self._process.name) for key in keys}
            raise

    def _halves(self, some: Sequence[Any], between: Point) -> Iterator[Sequence[Any]]:
        middle = len(some) // 2
        if middle:
            yield some[:middle]
            self._process.reach(between)
            self._process.environment.check()
        yield some[middle:]

    def _leased(self, answer: Any) -> Any:
        if isinstance(answer, Lease):
            self._books.leases.append(self._step(answer))
        return answer

    def _step(self, lease: Lease) -> Step:
        return Step(key=lease.entry.key, process=self._process.name, attempt=lease.attempt)


class DyingBroker:
    """A process's way to its queue."""

    before_settle, after_settle = Point.BEFORE_SETTLE, Point.AFTER_SETTLE

    def __init__(self, process: Process, broker: Any) -> None:
        self._process = process
        self._broker = broker

    def send(self, messages, **fields):
        self._process.reach(Point.PRODUCER_BEFORE_SEND)
        sent = self._broker.send(messages, **fields)
        self._process.reach(Point.PRODUCER_AFTER_SEND)
        return sent

    def settle(self, settled):
        self._process.reach(self.before_settle)
        kept = self._broker.settle(settled)
        self._process.reach(self.after_settle)
        return kept

    def delete(self, deliveries):
        self._process.reach(Point.BEFORE_DELETE)
        self._broker.delete(deliveries)
        self._process.reach(Point.AFTER_DELETE)

    def resend(self, name, letter, **fields):
        self._process.reach(Point.WAKE_BEFORE_SEND)
        return self._broker.resend(name, letter, **fields)

    def resend_all(self, resendings):
        self._process.reach(Point.REPLAY_BEFORE_SEND)
        middle = len(resendings) // 2
        errors = self._broker.resend_all(resendings[:middle])
        self._process.reach(Point.REPLAY_HALF_SENT)
        self._process.environment.check()
        errors += self._broker.resend_all(resendings[middle:])
        self._process.reach(Point.REPLAY_AFTER_SEND)
        return errors


class BuryingLedger(DyingLedger):
    """The same for `bury_crashed`."""

    before_bury, after_bury = Point.BURY_BEFORE_WRITE, Point.BURY_AFTER_WRITE

    def bury(self, entry, letter, **fields):
        self._books.given_up.add(entry.key)
        return super().bury(entry, letter, **fields)


class BuryingBroker(DyingBroker):
    """The same for `bury_crashed`."""

    before_settle, after_settle = Point.BURY_BEFORE_SETTLE, Point.BURY_BEFORE_ANSWER


class DyingDeadLetters:
    """A replayer's way to the dead letters."""

    def __init__(self, process: Process, store: Any) -> None:
        self._process = process
        self._store = store

    def claim(self, keys, putting, *, lasts):
        self._take_a_moment()
        self._process.reach(Point.REPLAY_BEFORE_CLAIM)
        self._process.environment.check()
        claims = self._store.claim(keys, putting, lasts=lasts)
        self._process.reach(Point.REPLAY_AFTER_CLAIM)
        return claims

    def sent(self, claims):
        self._take_a_moment()
        self._process.environment.check()
        middle = len(claims) // 2
        self._store.sent(claims[:middle])
        self._process.reach(Point.REPLAY_HALF_MARKED)
        self._process.environment.check()
        self._store.sent(claims[middle:])
        self._process.reach(Point.REPLAY_AFTER_MARK)

    def give_back(self, claims):
        self._process.environment.check()
        self._store.give_back(claims)
        if claims:
            self._process.reach(Point.REPLAY_AFTER_GIVING_BACK)

    def _take_a_moment(self) -> None:
        """Whatever else there is goes on meanwhile."""
        self._process.environment.clock.advance(MOMENT)


class DyingReplayStore:
    """A replayer's way to the record of its replays."""

    def __init__(self, process: Process, store: Any) -> None:
        self._process = process
        self._store = store

    def create(self, replay, progress):
        self._process.environment.check()
        return self._store.create(replay, progress)

    def read(self, id_):
        self._process.environment.check()
        return self._store.read(id_)

    def running(self):
        self._process.environment.check()
        return self._store.running()

    def take(self, id_, worker, *, now, until):
        self._process.environment.check()
        job = self._store.take(id_, worker, now=now, until=until)
        if job is not None:
            self._process.reach(Point.REPLAY_TAKEN)
        return job

    def save(self, id_, worker, progress, *, until):
        self._process.environment.check()
        job = self._store.save(id_, worker, progress, until=until)
        self._process.reach(Point.REPLAY_IN_HAND if progress.in_hand else Point.REPLAY_RECORDED)
        return job

    def end(self, id_, standing, *, because, at):
        self._process.environment.check()
        return self._store.end(id_, standing, because=because, at=at)


class DyingDeduplication:
    """A producer's way to its memory of acceptances."""

    def __init__(self, process: Process, memory: Any) -> None:
        self._process = process
        self._memory = memory

    def look_up(self, keys):
        self._process.environment.check()
        return self._memory.look_up(keys)

    def remember(self, accepted):
        self._process.environment.check()
        self._memory.remember(accepted)
        self._process.reach(Point.PRODUCER_AFTER_REMEMBER)

    def forget(self, key):
        self._process.environment.check()
        self._memory.forget(key)


class DyingLog(RecordingLog):
    """A process's log: a run is told between its lease and its handler."""

    def __init__(self, process: Process) -> None:
        super().__init__()
        self._process = process

    def __call__(self, action, **fields):
        super().__call__(action, **fields)
        if action is Action.STARTED:
            self._process.reach(Point.AFTER_LEASE)
