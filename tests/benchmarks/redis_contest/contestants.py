"""Who is compared: this project's queue and the peers that a team could pick, each as its documentation has it for speed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

OURS = "headworks"


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """A queue, how it is installed, and how its program and its worker are started.

    `pins` are its packages, `runtime` what runs it; `worker` is what follows the environment's
    folder of commands.  `sends` names the ways to send that it has.  `messages` keep a slow one
    from taking all the time: the cost of a message doesn't depend on their number.
    """

    name: str
    runtime: str = "python"
    pins: tuple[str, ...] = ()
    program: str
    worker: tuple[str, ...]
    sends: frozenset[str]
    singles: int
    messages: int
    per_message: str


_EVERY_WAY = frozenset({"single", "together", "batch"})
_NO_BATCHES = frozenset({"single", "together"})

HEADWORKS = Contestant(
    name=OURS,
    runtime="project",
    program="with_headworks.py",
    worker=("python", "with_headworks.py", "worker"),
    sends=_EVERY_WAY | {"ready"},
    singles=3_000,
    messages=40_000,
    per_message=(
        "deduplicated for a day, leased and kept alive, settled by lease (fenced), counted and timed; history and marks "
        "where it was tried before; retries and dead letters as declared; deleted when done"
    ),
)

PEERS = (
    Contestant(
        name="BullMQ",
        runtime="node",
        pins=("bullmq@6.7.0", "ioredis@6.0.0"),
        program="with_bullmq.mjs",
        worker=("node", "with_bullmq.mjs", "worker"),
        sends=_EVERY_WAY,
        singles=3_000,
        messages=8_000,
        per_message=(
            "a hash and a lock for each job, moved by scripts; 3 attempts; no deduplication unless a job has "
            "an id; removed when done"
        ),
    ),
    Contestant(
        name="BlitzQ",
        pins=("blitzq==1.1.0", "hiredis==3.5.0"),
        program="with_blitzq.py",
        worker=("blitzq", "worker", "with_blitzq:queue", "--concurrency", "200", "--log-level", "WARNING"),
        sends=_EVERY_WAY,
        singles=3_000,
        messages=20_000,
        per_message=(
            "acknowledged in groups, redelivered after 60 s, 3 retries; no deduplication; mode `reliable`, no results"
        ),
    ),
    Contestant(
        name="ArdiQ",
        pins=("ardiq==1.2.0",),
        program="with_ardiq.py",
        worker=("ardiq", "run", "-q", "with_ardiq:app"),
        sends=_EVERY_WAY,
        singles=3_000,
        messages=10_000,
        per_message="a key for each job, acknowledged when done, 3 retries; no deduplication unless asked for; no results",
    ),
    Contestant(
        name="taskiq",
        pins=("taskiq==0.13.0", "taskiq-redis==1.2.4", "hiredis==3.5.0"),
        program="with_taskiq.py",
        worker=(
            *("taskiq", "worker", "with_taskiq:broker", "--workers", "1"),
            *("--max-async-tasks", "200", "--log-level", "WARNING"),
        ),
        sends=_NO_BATCHES,
        singles=2_000,
        messages=5_000,
        per_message=(
            "acknowledged when done and left in the stream, which grows; 3 retries; no deduplication; no results"
        ),
    ),
    Contestant(
        name="arq",
        pins=("arq==0.28.0",),
        program="with_arq.py",
        worker=("arq", "with_arq.WorkerSettings"),
        sends=_NO_BATCHES,
        singles=2_000,
        messages=2_000,
        per_message=(
            "a key for each job, claimed by a key that expires, 3 tries; deduplicated by job id while it waits; no results; "
            "looks every 5 ms (500 as it comes)"
        ),
    ),
    Contestant(
        name="Celery",
        pins=("celery[redis]==5.7.0", "hiredis==3.5.0"),
        program="with_celery.py",
        worker=(
            *("celery", "-A", "with_celery", "worker", "--pool", "solo", "--loglevel", "WARNING"),
            *("--without-gossip", "--without-mingle", "--without-heartbeat"),
        ),
        sends=frozenset({"single"}),
        singles=1_500,
        messages=2_000,
        per_message=(
            "late acknowledgement, redelivered after an hour; no deduplication; no results; pool `solo`, prefetch 128"
        ),
    ),
)


def named(names: Sequence[str]) -> list[Contestant]:
    """Those of these names, in the usual order; all if there are none.  Raises `ValueError`."""
    everybody = [HEADWORKS, *PEERS]
    known = {each.name.lower(): each for each in everybody}
    if unknown := [name for name in names if name.lower() not in known]:
        raise ValueError(f"{', '.join(unknown)}: nobody of that name takes part; {', '.join(known)} do")
    wanted = {name.lower() for name in names} or known.keys()
    return [each for name, each in known.items() if name in wanted]
