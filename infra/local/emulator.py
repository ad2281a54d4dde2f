"""The AWS emulator (ministack), started for one run on a free loopback port."""

from __future__ import annotations

import socket
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from infra.local.environment import LOOPBACK, emulator_environment
from infra.local.errors import EmulatorFailed
from infra.local.process import kept, tail
from infra.local.workspace import emulator_python

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from subprocess import Popen

    from infra.local.workspace import Workspace

START_SECONDS = 60.0
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Emulator:
    """An emulator that is up, and where its API is."""

    url: str
    process: Popen[bytes]
    log: Path

    def check(self) -> None:
        """Return if it is still up.  Raises `EmulatorFailed`."""
        if self.process.poll() is not None:
            raise EmulatorFailed("ended", self.log, tail(self.log))


@contextmanager
def running_emulator(workspace: Workspace) -> Iterator[Emulator]:
    """An emulator with nothing in it, while the block runs.  Raises `EmulatorFailed`."""
    port = free_port()
    workspace.state.mkdir(parents=True, exist_ok=True)
    workspace.emulator_log.unlink(missing_ok=True)
    with kept(
        [emulator_python(), "-m", "ministack"],
        env=emulator_environment(port=port, state=workspace.state),
        directory=workspace.state,
        log=workspace.emulator_log,
    ) as process:
        emulator = Emulator(f"http://{LOOPBACK}:{port}", process, workspace.emulator_log)
        _wait_until_healthy(emulator)
        yield emulator


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_healthy(emulator: Emulator) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _is_healthy(emulator.url):
        emulator.check()
        if time.monotonic() > deadline:
            raise EmulatorFailed(f"isn't up after {START_SECONDS:.0f} s", emulator.log, tail(emulator.log))
        time.sleep(POLL_SECONDS)


def _is_healthy(url: str) -> bool:
    # Past the user's proxies: they are for the outside.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/_ministack/health", timeout=1) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except OSError:
        return False
