"""The witness: writes down what was done, in a process of its own.

Each line is on the disk before it is acknowledged: whoever dies after the acknowledgement
has done it, and whoever dies before it may have.
"""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from tests.chaos.books import Step

if TYPE_CHECKING:
    from collections.abc import Iterator

_WRITING = Lock()


class Witness:
    """A running witness: `url` takes what is told by POST, `told` is what has been."""

    def __init__(self, url: str, journal: Path) -> None:
        self.url = url
        self._journal = journal

    @property
    def told(self) -> list[Step]:
        """All of it, in the order in which it was acknowledged."""
        return [read_line(line) for line in self._journal.read_text().splitlines()]


@contextmanager
def witness(journal: Path) -> Iterator[Witness]:
    """Start one that writes into a journal, and end it after the block."""
    journal.touch()
    command = [sys.executable, "-m", "tests.chaos.witness", str(journal)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Witness(f"http://127.0.0.1:{process.stdout.readline().strip()}", journal)
        finally:
            process.terminate()


def tell(url: str, step: Step) -> None:
    """Say what was done; return when it is on the disk.  For the process under test."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    try:
        connection.request("POST", "/", body=f"{step.key}\t{step.process}\t{step.attempt}")
        answer = connection.getresponse()
        answer.read()
    finally:
        connection.close()
    if answer.status != 204:
        raise RuntimeError(f"the witness answered {answer.status}")


def read_line(line: str) -> Step:
    """A line of the journal."""
    key, process, attempt = line.split("\t")
    return Step(key=key, process=process, attempt=int(attempt))


def serve(journal: Path) -> None:
    """Take notes until the process is ended; the port is the first line of the output."""
    descriptor = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    class Note(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            told = self.rfile.read(length)
            if len(told) < length:
                # Whoever spoke died in the middle of it: nothing was done.
                self.close_connection = True
                return
            with _WRITING:
                os.write(descriptor, told + b"\n")
                os.fsync(descriptor)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing: the journal is the output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Note)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
