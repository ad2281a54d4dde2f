"""What is kept of replays: one record each, so that whoever comes next carries it on."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from headworks.errors import Unavailable
from headworks.operations.replays import Replay, Skipped, Standing

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One dead letter of a replay: a consumer of the queue, and a key."""

    consumer: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a replay has come.

    `in_hand` are letters that may have been sent, and aren't counted: whoever carries on begins with them.
    The list of the dead was read up to `cursor`, or to its end (`read_all`); of a selection by names
    `names_left` are to come (by their place in it).  A list is read again until nothing is found:
    `looks` counts that, `moved` whether this look sent or gave back anything.  `failures` counts the
    times in a row when nothing could be sent, and `last_error` says why.  Nothing is sent before `not_before`.
    """

    sent: int = 0
    skipped: Skipped = field(default_factory=Skipped)
    failed_again: int = 0
    selected: int | None = None
    cursor: str | None = None
    read_all: bool = False
    names_left: tuple[int, ...] | None = None
    in_hand: tuple[Member, ...] = ()
    looks: int = 0
    moved: bool = False
    given_back: bool = False
    failures: int = 0
    last_error: str = ""
    not_before: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A replay's record: what is told of it, and how far it has come."""

    replay: Replay
    progress: Progress = field(default_factory=Progress)

    @property
    def told(self) -> Replay:
        """The replay as it stands."""
        return replace(
            self.replay,
            sent=self.progress.sent,
            skipped=self.progress.skipped,
            failed_again=self.progress.failed_again,
            selected=self.progress.selected,
        )


class ReplayStore(Protocol):
    """Where records are kept.  Every method raises `Unavailable` when it doesn't answer.

    One worker at a time has a replay, until a moment that it puts off as it goes on.
    """

    def create(self, replay: Replay, progress: Progress) -> Job:
        """Write a replay down; one of the same id stays, and is answered."""

    def read(self, id_: str) -> Job | None:
        """A replay's record."""

    def running(self) -> list[Job]:
        """The records of those that go on, the oldest first."""

    def take(self, id_: str, worker: str, *, now: datetime, until: datetime) -> Job | None:
        """Have a replay to oneself; nothing if it doesn't go on, or somebody else has it."""

    def save(self, id_: str, worker: str, progress: Progress, *, until: datetime) -> Job | None:
        """Write down how far it has come; nothing if somebody else has it meanwhile."""

    def end(self, id_: str, standing: Standing, *, because: str | None, at: datetime) -> Job | None:
        """Let it end, if it still goes on; its record afterwards."""


class MemoryReplayStore:
    """Records in a dictionary under a lock; `down` makes every call fail."""

    def __init__(self) -> None:
        self.down = False
        self.jobs: dict[str, Job] = {}
        self._workers: dict[str, tuple[str, datetime]] = {}
        self._lock = Lock()

    def create(self, replay: Replay, progress: Progress) -> Job:
        with self._open():
            return self.jobs.setdefault(replay.request.id, Job(replay=replay, progress=progress))

    def read(self, id_: str) -> Job | None:
        with self._open():
            return self.jobs.get(id_)

    def running(self) -> list[Job]:
        with self._open():
            found = [each for each in self.jobs.values() if each.replay.standing is Standing.RUNNING]
            return sorted(found, key=lambda each: each.replay.asked_at)

    def take(self, id_: str, worker: str, *, now: datetime, until: datetime) -> Job | None:
        with self._open():
            job, holder = self.jobs.get(id_), self._workers.get(id_)
            if job is None or job.replay.standing is not Standing.RUNNING:
                return None
            if holder is not None and holder[0] != worker and holder[1] > now:
                return None
            self._workers[id_] = (worker, until)
            return job

    def save(self, id_: str, worker: str, progress: Progress, *, until: datetime) -> Job | None:
        with self._open():
            holder = self._workers.get(id_)
            if holder is None or holder[0] != worker:
                return None
            self._workers[id_] = (worker, until)
            self.jobs[id_] = replace(self.jobs[id_], progress=progress)
            return self.jobs[id_]

    def end(self, id_: str, standing: Standing, *, because: str | None, at: datetime) -> Job | None:
        with self._open():
            job = self.jobs.get(id_)
            if job is None or job.replay.standing is not Standing.RUNNING:
                return job
            ended = replace(job.replay, standing=standing, stopped_because=because, ended_at=at)
            self.jobs[id_] = replace(job, replay=ended)
            return self.jobs[id_]

    def _open(self) -> Lock:
        if self.down:
            raise Unavailable("the record of replays", "down")
        return self._lock
