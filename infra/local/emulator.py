"""The AWS emulator (ministack), started for one run on a free loopback port."""

from __future__ import annotations

import urllib.request
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

from infra.local.environment import LOOPBACK, emulator_environment
from infra.local.errors import EmulatorFailed
from infra.local.process import kept
from infra.local.server import LocalServer, free_port
from infra.local.workspace import emulator_python

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.local.workspace import Workspace

START_SECONDS = 60.0


class Emulator(LocalServer):
    """An emulator that is up, and where its API is."""

    failed = EmulatorFailed


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
        emulator.wait_until_up(_is_healthy, seconds=START_SECONDS)
        yield emulator


def _is_healthy(url: str) -> bool:
    # Past the user's proxies: they are for the outside.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{url}/_ministack/health", timeout=1) as answer:
            return bool(answer.status == HTTPStatus.OK)
    except OSError:
        return False
