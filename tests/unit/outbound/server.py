"""A TCP server whose every byte a test decides."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

PATIENCE_SECONDS = 10
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Peer:
    """One client's connection, on the server's side."""

    def __init__(self, sock: socket.socket, server: Server) -> None:
        self.sock = sock
        self._server = server
        self._file = sock.makefile("rb")

    def request(self) -> bytes:
        """The next request with its body; empty when the client hung up."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = self._file.readline()
            if not line:
                return b""
            head += line
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        body = self._file.read(int(lengths[0].split(b":")[1])) if lengths else b""
        self._server.requests.append(head + body)
        return head + body

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def drip(self, data: bytes, *, every_seconds: float = 0.02) -> None:
        """Send byte by byte, until the test is over."""
        for byte in data:
            if self._server.over.wait(every_seconds):
                return
            self.send(bytes([byte]))

    def say_nothing(self) -> None:
        """Keep the connection open until the test is over."""
        self._server.over.wait(PATIENCE_SECONDS)

    def close(self) -> None:
        self._file.close()
        self.sock.close()


class Server:
    """Listens on a free port of 127.0.0.1; `behave` has each connection to itself, in a thread."""

    def __init__(self, behave: Callable[[Peer], None], tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self.connections = 0
        self.over = threading.Event()
        self._behave = behave
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._listen)]
        self._threads[0].start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def close(self) -> None:
        if self.over.is_set():
            return
        self.over.set()
        socket.create_connection(("127.0.0.1", self.port)).close()  # wakes accept()
        for thread in self._threads:
            thread.join(PATIENCE_SECONDS)
        self._listener.close()

    def _listen(self) -> None:
        while True:
            sock, _ = self._listener.accept()
            if self.over.is_set():
                sock.close()
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(sock,))
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        # The client may hang up at any time: for the server that's the end of a connection, not an error.
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.callback(sock.close)
            sock.settimeout(PATIENCE_SECONDS)
            if self._tls:
                sock = self._tls.wrap_socket(sock, server_side=True)
                stack.callback(sock.close)
            peer = Peer(sock, self)
            stack.callback(peer.close)
            self._behave(peer)


def replying(*replies: bytes) -> Callable[[Peer], None]:
    """Answer the requests of each connection with these replies, then hang up."""

    def behave(peer: Peer) -> None:
        for reply in replies:
            if not peer.request():
                return
            peer.send(reply)

    return behave


def keeping_open(reply: bytes = OK) -> Callable[[Peer], None]:
    """Answer request after request on a connection for as long as the client likes."""

    def behave(peer: Peer) -> None:
        while peer.request():
            peer.send(reply)

    return behave


def resolver_of(*answers: str) -> Any:
    """A resolver that gives every name these addresses, and counts how often it is asked."""

    def resolve(host: str, port: int, *, type: int = 0) -> list[Any]:  # noqa: A002 - getaddrinfo's own name
        resolve.asked.append(host)  # type: ignore[attr-defined]
        return [(socket.AF_UNSPEC, type, 0, "", (answer, port)) for answer in answers]

    resolve.asked = []  # type: ignore[attr-defined]
    return resolve
