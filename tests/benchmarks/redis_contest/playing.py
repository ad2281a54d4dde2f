"""Running a contestant: its program to send, its worker to handle, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from infra.local.process import kept, tail
from tests.support.patience import until
from tests.support.valkey import PASSWORD, USER, Server, ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.redis_contest.contestants import Contestant
    from tests.benchmarks.redis_contest.environments import Environment

PROGRAMS = Path(__file__).with_name("programs")
LONGEST_SECONDS = 60.0


class Failed(Exception):
    """A contestant that didn't come to an end, and the last that it said."""


@dataclass(frozen=True, kw_only=True)
class Seat:
    """A contestant at a server."""

    contestant: Contestant
    environment: Environment
    server: Server
    is_clustered: bool
    directory: Path

    def clear(self) -> None:
        """Begin with an empty server."""
        ask(self.server.administrator, "FLUSHALL", "SYNC")

    def used_bytes(self) -> int:
        """What the server holds."""
        told = ask(self.server.administrator, "INFO", "memory").decode()
        return int(told.split("used_memory:")[1].split()[0])

    def send(self, way: str, messages: int, **more: object) -> float:
        """Messages a second that go in this way.  Raises `Failed`."""
        result = self._result(way)
        options = self._options(messages, result, more)
        runner = "node" if self.contestant.runtime == "node" else "python"
        command = [self.environment.command(runner), str(PROGRAMS / self.contestant.program), way]
        try:
            done = subprocess.run(
                command, env=options, cwd=PROGRAMS, capture_output=True, check=False, timeout=LONGEST_SECONDS
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Failed(f"{self.contestant.name} {way}: {error}") from error
        # What it measured counts, even if it trips over itself on its way out.
        if not result.exists():
            raise Failed(f"{self.contestant.name} {way}: {done.stderr.decode(errors='replace')[-500:]}")
        return float(json.loads(result.read_text())["per_second"])

    @contextmanager
    def worker(self, messages: int, **more: object) -> Iterator[Worker]:
        """Its worker, for as long as the block runs."""
        result = self._result("worker")
        log = self.directory / f"{self.contestant.name}.log"
        name, *arguments = self.contestant.worker
        command = [self.environment.command(name), *arguments]
        with kept(command, env=self._options(messages, result, more), directory=PROGRAMS, log=log):
            yield Worker(self.contestant.name, result, log)

    def _result(self, of: str) -> Path:
        result = self.directory / f"{self.contestant.name}-{of}.json"
        result.unlink(missing_ok=True)
        result.with_suffix(".began").unlink(missing_ok=True)
        return result

    def _options(self, messages: int, result: Path, more: dict[str, object]) -> dict[str, str]:
        # Without their bytecode they would be compiled at each start.
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return inherited | {
            "NODE_ENV": "production",
            "POWERTOOLS_LOG_LEVEL": "WARNING",
            "PYTHONPATH": str(PROGRAMS),
            "BENCH_PEER": str(self.environment.directory),
            "BENCH_URL": self._url(),
            "BENCH_CERTIFICATE": str(self.server.directory / "certificate.pem") if self.is_clustered else "",
            "BENCH_MESSAGES": str(messages),
            "BENCH_RESULT": str(result),
            **{f"BENCH_{name.upper()}": str(value) for name, value in more.items()},
        }

    def _url(self) -> str:
        if self.is_clustered:
            return f"rediss://{USER}:{quote(PASSWORD)}@127.0.0.1:{self.server.address.port}"
        return f"redis://127.0.0.1:{self.server.administrator.port}/0"


@dataclass(frozen=True)
class Worker:
    """A worker that runs."""

    name: str
    result: Path
    log: Path

    def until_it_began(self) -> None:
        """Wait for its first message.  Raises `Failed`."""
        self._until(self.result.with_suffix(".began"), "handles its first message")

    def until_it_is_done(self) -> dict[str, Any]:
        """What it measured.  Raises `Failed`."""
        self._until(self.result, "has handled all")
        said: dict[str, Any] = json.loads(self.result.read_text())
        return said

    def _until(self, written: Path, what: str) -> None:
        try:
            until(written.exists, what=f"{self.name} {what}", seconds=LONGEST_SECONDS)
        except AssertionError as error:
            raise Failed(f"{error}: {tail(self.log)[-500:]}") from error
