"""A server of this run: a child process on a free loopback port, watched until it is up and for as long as it is needed."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from infra.local.environment import LOOPBACK
from infra.local.process import tail

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from infra.local.errors import EmulatorFailed, RedisFailed

POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A server that was started, and where it answers.  `failed` is the error when it doesn't, `ended` what is said then."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    failed: ClassVar[type[EmulatorFailed | RedisFailed]]
    ended: ClassVar[str] = "ended"

    def check(self) -> None:
        """Return if it is still up.  Raises `failed`."""
        if self.process.poll() is not None:
            raise self.failed(self.ended, self.log, tail(self.log))

    def wait_until_up(self, answers: Callable[[str], bool], *, seconds: float) -> None:
        """Return once it answers at its URL.  Raises `failed` where it ends, or doesn't in time."""
        deadline = time.monotonic() + seconds
        while not answers(self.url):
            self.check()
            if time.monotonic() > deadline:
                raise self.failed(f"isn't up after {seconds:.0f} s", self.log, tail(self.log))
            time.sleep(POLL_SECONDS)


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
