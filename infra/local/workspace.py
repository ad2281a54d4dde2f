"""Where a local run keeps what it makes: all of it under `.local/`, thrown away at the next start."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infra.local.errors import AlreadyRunning, NotSetUp

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).resolve().parents[2]
HOME = PROJECT / ".local"
TOOLS = PROJECT / ".headworks-tools" / "bin"


@dataclass(frozen=True, slots=True)
class Workspace:
    """The directory of one run.  Runs in different directories don't know of each other."""

    directory: Path = HOME

    @property
    def outputs(self) -> Path:
        """What is deployed and how to reach it; there while the run is up."""
        return self.directory / "outputs.json"

    @property
    def emulator_log(self) -> Path:
        return self.directory / "emulator.log"

    @property
    def cdk_home(self) -> Path:
        """What the CDK command line keeps for itself."""
        return self.directory / "cdk"

    @property
    def redis_log(self) -> Path:
        """What Redis says."""
        return self.directory / "redis.log"

    @property
    def state(self) -> Path:
        """What the emulator writes: objects, unpacked functions, temporary files."""
        return self.directory / "state"

    @property
    def assembly(self) -> Path:
        """What the CDK synthesises."""
        return self.directory / "cdk.out"

    def cdk_log(self, step: str) -> Path:
        """The whole output of one command of the CDK."""
        return self.directory / f"cdk-{step}.log"

    @property
    def lock(self) -> Path:
        return self.directory / "run.lock"

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold the workspace: one run at a time.

        The kernel lets the lock go when its holder ends, however it ends; the process id
        in the file is there to be read by whoever is refused.  Raises `AlreadyRunning`.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        with self.lock.open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                raise AlreadyRunning(lock.read().strip() or "unknown") from None
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            self._clear()
            try:
                yield
            finally:
                self._clear()
                lock.truncate(0)

    def _clear(self) -> None:
        self.outputs.unlink(missing_ok=True)
        shutil.rmtree(self.state, ignore_errors=True)


def emulator_python() -> Path:
    """The interpreter of the emulator's own environment, which the functions run in."""
    python = HOME / "emulator" / "bin" / "python"
    if not python.exists():
        raise NotSetUp("the emulator's environment is missing")
    return python


def cdk_command() -> Path:
    """The CDK command line that package.json pins."""
    command = PROJECT / "node_modules" / ".bin" / "cdk"
    if not command.exists():
        raise NotSetUp("the CDK command line is missing")
    return command
