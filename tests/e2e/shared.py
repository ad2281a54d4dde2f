"""One thing that is dear to start, shared by all the processes that run tests."""

from __future__ import annotations

import fcntl
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path


class FailedElsewhere(Exception):
    """Another process tried to start it; its own report says why that failed."""


@contextmanager
def shared(directory: Path, start: Callable[[], AbstractContextManager[str]]) -> Iterator[str]:
    """What `start` yields, for as long as the block runs.

    The first process that asks starts it, and stops it when the last one is done with it.
    """
    handle = directory / "handle"
    with ExitStack() as own:
        with _locked(directory / "door"):
            if not handle.exists():
                handle.write_text("")
                handle.write_text(own.enter_context(start()))
                own.callback(_close, directory)
            if not (found := handle.read_text()):
                raise FailedElsewhere
            users = (directory / "users").open("w")
            fcntl.flock(users, fcntl.LOCK_SH)
        with users:
            yield found


def _close(directory: Path) -> None:
    """Let nobody in any more, and wait for those who are."""
    with _locked(directory / "door"):
        (directory / "handle").unlink()
    with _locked(directory / "users"):
        pass


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
