"""Replays: asked for, counted, carried on, stopped."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from headworks.errors import excerpt
from headworks.operations.dry_run import DryRun
from headworks.operations.replay_store import Progress
from headworks.operations.replays import Replay, ReplayConflict, Standing
from headworks.operations.shift import LEASE, Shift

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from headworks.brokers.broker import Resender
    from headworks.claim_check import ClaimCheck
    from headworks.clock import Clock
    from headworks.ledger.catalogue import Address, Catalogue
    from headworks.ledger.dead_letters import DeadLetters
    from headworks.operations.replay_store import Job, ReplayStore
    from headworks.operations.replays import ReplayRequest
    from headworks.queue import Queue
    from headworks.telemetry import Log
    from headworks.topology import Topology


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayParts:
    """What replays work with; `pause` waits (seconds) for a rate limit."""

    topology: Topology
    catalogue: Catalogue
    dead_letters: Callable[[Address], DeadLetters]
    broker: Callable[[Address], Resender]
    claim_check: Callable[[Queue], ClaimCheck | None]
    store: ReplayStore
    clock: Clock
    log: Log
    pause: Callable[[float], None]


class StoredReplays:
    """Replays whose records are kept in a store, so that whoever comes next carries them on."""

    def __init__(self, parts: ReplayParts) -> None:
        self._parts = parts

    def count(self, request: ReplayRequest) -> Replay:
        queue = self._queue(request)
        asked_at = self._now()
        return DryRun(self._parts.catalogue, queue, request, asked_at).replay()

    def start(self, request: ReplayRequest) -> Replay:
        self._queue(request)
        replay = Replay(request=request, asked_at=self._now(), standing=Standing.RUNNING)
        names = request.selection.names
        job = self._parts.store.create(replay, Progress(selected=len(names) if names else None))
        if _asked(job.replay.request) != _asked(request):
            raise ReplayConflict(f"{request.id} is a replay that asks for something else")
        return job.told

    def work(self, id_: str, *, remaining: Callable[[], timedelta]) -> Replay | None:
        store, now, worker = self._parts.store, self._parts.clock.now(), uuid4().hex
        job = store.take(id_, worker, now=now, until=now + LEASE)
        if job is None:
            return _told(store.read(id_))
        return Shift(self._parts, self._queue(job.replay.request), job, worker, remaining).work()

    def find(self, id_: str) -> Replay | None:
        return _told(self._parts.store.read(id_))

    def stop(self, id_: str, *, because: str) -> Replay | None:
        job = self._parts.store.end(id_, Standing.STOPPED, because=because, at=self._parts.clock.now())
        return _told(job)

    def running(self) -> list[Replay]:
        return [job.told for job in self._parts.store.running()]

    def _queue(self, request: ReplayRequest) -> Queue:
        """The queue that a replay is of.  Raises `ReplayConflict` where it isn't declared, or has no such consumer."""
        for queue in self._parts.topology.queues:
            if queue.name == request.queue and request.consumer in (None, *queue.consumers):
                return queue
        what = request.queue if request.consumer is None else f"{request.queue}/{request.consumer}"
        raise ReplayConflict(f"{excerpt(what)} isn't declared any more")

    def _now(self) -> datetime:
        """The time as the ledger keeps it: what died in the same millisecond is left for the next replay."""
        now = self._parts.clock.now()
        return now - timedelta(microseconds=now.microsecond % 1000)


def _asked(request: ReplayRequest) -> ReplayRequest:
    """What is asked for, whoever asks: somebody else may carry a replay on."""
    return replace(request, by="")


def _told(job: Job | None) -> Replay | None:
    return None if job is None else job.told
