"""Runs a command for as long as whoever started this lives, and leaves nothing of it behind.

    python keeper.py COMMAND [ARGUMENT...]

Standard input is the line of life: a pipe whose other end the starter holds and never
writes to.  The kernel closes it when the starter ends, even by `kill -9`, and then the
command's whole process group is ended.  Runs by itself, without this project installed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

GRACE_SECONDS = 2.0
POLL_SECONDS = 0.02


def main(command: list[str]) -> int:
    """Run the command to its end or the starter's; the command's exit code."""
    # The terminal's Ctrl-C is the starter's to answer: it closes the pipe when it is ready.
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_default_signals
    )
    threading.Thread(target=_end_with_starter, args=(process.pid,), daemon=True).start()
    code = process.wait()
    _end(process.pid)
    return code if code >= 0 else 128 - code


def _default_signals() -> None:
    for restored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(restored, signal.SIG_DFL)


def _end_with_starter(group: int) -> None:
    # Not through sys.stdin, whose lock this thread would hold while the interpreter shuts down.
    while os.read(0, 1024):
        pass
    _end(group)


def _end(group: int) -> None:
    """End a process group: asked first, made to after a grace period."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + GRACE_SECONDS
        try:
            os.killpg(group, sent)
            while time.monotonic() < deadline:
                os.killpg(group, 0)
                time.sleep(POLL_SECONDS)
        except (ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
            return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
