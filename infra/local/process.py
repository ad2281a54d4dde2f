"""Child processes that can't outlive this one."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from os import PathLike

KEEPER = Path(__file__).with_name("keeper.py")
TAIL_LINES = 30


@contextmanager
def kept(
    command: Sequence[str | PathLike[str]], *, env: Mapping[str, str], directory: Path, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command while the block runs, its output in `log`.

    When the block ends, or this process does (however), the command and every process of its
    group are ended by the keeper in between.
    """
    with log.open("ab") as output:
        keeper = subprocess.Popen(
            [sys.executable, "-I", KEEPER, *command],
            env=env,
            cwd=directory,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield keeper
    finally:
        if keeper.stdin:
            keeper.stdin.close()
        keeper.wait()


def tail(log: Path) -> str:
    """The last lines of a log, for an error message."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join(lines[-TAIL_LINES:])
