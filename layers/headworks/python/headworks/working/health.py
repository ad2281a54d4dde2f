"""How a worker is."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

# A worker that could fetch and hasn't for so long hangs.
LONGEST_SILENCE_SECONDS = 60.0
LOOPBACK = "127.0.0.1"


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """A worker at one moment: `held` are the messages that it has, of which it is running `active`."""

    is_running: bool
    active: int
    held: int
    heartbeat_is_alive: bool
    seconds_since_fetch: float
    is_paused: bool = False

    @property
    def is_well(self) -> bool:
        """Whether it does what it is there for: one that is busy, or paused, needn't fetch."""
        is_silent = (
            not self.held and not self.is_paused and self.seconds_since_fetch > LONGEST_SILENCE_SECONDS
        )
        return self.is_running and self.heartbeat_is_alive and not is_silent


class HealthEndpoint:
    """Answers every GET on a port of this machine: 200 for a worker that is well, else 503, with its health as JSON."""

    def __init__(self, port: int, health: Callable[[], Health]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                now = health()
                body = msgspec.json.encode({**msgspec.structs.asdict(now), "is_well": now.is_well})
                self.send_response(200 if now.is_well else 503)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's
                """A check every few seconds is no news."""

        self._server = ThreadingHTTPServer((LOOPBACK, port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)

    @property
    def port(self) -> int:
        """Where it listens; of port 0 the one that it was given."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
