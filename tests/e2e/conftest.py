"""`headworks dev`, started once for all tests here: what a user runs, and what it leaves behind."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infra.local.outputs import read_outputs
from infra.local.workspace import HOME
from tests.e2e.pipeline import Pipeline, eventually
from tests.e2e.shared import shared

if TYPE_CHECKING:
    from collections.abc import Iterator

# Beside the directory of `make dev`, so that the tests can run while that is up.
DIRECTORY = HOME / "e2e"
HEADWORKS = Path(sys.executable).with_name("headworks")


def pytest_addoption(parser):
    parser.addoption("--without-redis", action="store_true", help="let its queues go over SQS")


@contextmanager
def started(*options: str) -> Iterator[str]:
    """The command, from its first delivery until Ctrl-C; after that nothing of it may be there."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    screen = DIRECTORY / "screen.txt"
    command = [HEADWORKS, "dev", "--directory", DIRECTORY, "--with-parent", *options]
    with screen.open("w") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
    try:
        eventually(
            lambda: (process.poll(), "first event was processed" in screen.read_text()),
            any_of_both,
            seconds=180,
        )
        assert process.poll() is None, screen.read_text()
        yield str(DIRECTORY)
    finally:
        process.send_signal(signal.SIGINT)
        code = process.wait(30)
    assert code == 0, screen.read_text()
    assert processes_of(DIRECTORY) == []


@pytest.fixture
def analytics_alone() -> Iterator[None]:
    """The queue `analytics` to oneself: what one test pauses or purges another one waits for."""
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    with (DIRECTORY / "analytics.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def any_of_both(seen: tuple[int | None, bool]) -> bool:
    code, is_up = seen
    return code is not None or is_up


def processes_of(directory: Path) -> list[str]:
    """The command lines of the processes that have to do with a directory, where the system tells."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended meanwhile
        if f"{directory}/" in line:
            found.append(line)
    return found


@pytest.fixture(scope="session")
def without_redis(request) -> bool:
    """Whether the run has no Redis."""
    return bool(request.config.getoption("--without-redis", default=False))


@pytest.fixture(scope="session")
def run_directory(without_redis, tmp_path_factory) -> Iterator[Path]:
    """The directory of the run that is up."""
    directory = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        directory = directory.parent
    with shared(directory, partial(started, *(["--no-redis"] if without_redis else []))) as found:
        yield Path(found)


@pytest.fixture(scope="session")
def pipeline(run_directory) -> Iterator[Pipeline]:
    """The pipeline that is up, and its inbox.  Events of different tests don't meet."""
    found = Pipeline(read_outputs(run_directory / "outputs.json"))
    yield found
    found.http.clear()


@pytest.fixture
def headworks(run_directory):
    """Run the command line against the run that is up."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [HEADWORKS, *map(str, arguments), "--directory", run_directory],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run
