"""Connections that go to a vetted address, and that nobody can hold open past the exchange's deadline.

The limits sit in the socket itself: each time it sends or receives it may block only for what is left of
the whole exchange.  So a server that drips a byte a second gains nothing, and no watchdog has to look on.

A connection serves one exchange.  One that is kept may be closed by the server just as the next request
goes out, is dead when a frozen function wakes, and can hold late bytes that would be taken for the next
answer; a handshake costs less than a delivery that fails, or seems to succeed, for that.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

import urllib3.connection

from headworks.outbound.errors import RequestRefused

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from headworks.outbound.addresses import Address


class Allowance:
    """What one exchange may use: time, and bytes of answer as they come over the wire."""

    def __init__(self, *, time: timedelta, answer_bytes: int) -> None:
        self._ends = monotonic() + time.total_seconds()
        self._bytes_left = answer_bytes

    def seconds_left(self) -> float:
        """The time left, always more than none.  Raises `TimeoutError` when there is none."""
        left = self._ends - monotonic()
        if left <= 0:
            raise TimeoutError("the exchange's time is over")
        return left

    def take(self, count: int) -> None:
        """Count bytes that came."""
        self._bytes_left -= count

    def check_bytes(self) -> None:
        """Raise `AnswerTooLong` if no more bytes may come."""
        if self._bytes_left <= 0:
            raise AnswerTooLong("the answer is longer than its headers and body may be")


class AnswerTooLong(http.client.HTTPException):
    """More bytes came than an answer may have."""


class LimitedSocket(socket.socket):
    """A TCP socket within the allowance of the exchange that it serves."""

    allowance: Allowance

    def recv_into(self, buffer: Any, *args: Any, **kwargs: Any) -> int:
        self.allowance.check_bytes()
        self._limit_time()
        count = super().recv_into(buffer, *args, **kwargs)
        self.allowance.take(count)
        return count

    def send(self, data: Any, *args: Any, **kwargs: Any) -> int:
        self._limit_time()
        return super().send(data, *args, **kwargs)

    def sendall(self, data: Any, *args: Any, **kwargs: Any) -> None:
        self._limit_time()
        super().sendall(data, *args, **kwargs)

    def _limit_time(self) -> None:
        self.settimeout(self.allowance.seconds_left())


class LimitedTLSSocket(LimitedSocket, ssl.SSLSocket):
    """The same over TLS.  Its handshake, made before it has an allowance, keeps the time limit of the socket under it."""


def dial(addresses: tuple[Address, ...], port: int, allowance: Allowance) -> LimitedSocket:
    """A socket connected to the first of the addresses that answers.

    Each gets an even share of the time left, so that a dead first one doesn't cost the living second.
    """
    failure: OSError = OSError("no address to connect to")
    for tried, address in enumerate(addresses):
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        connecting = LimitedSocket(family, socket.SOCK_STREAM)
        try:
            connecting.settimeout(allowance.seconds_left() / (len(addresses) - tried))
            connecting.connect((str(address), port))
            connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connecting.settimeout(allowance.seconds_left())
        except OSError as error:
            connecting.close()
            failure = error
        else:
            return connecting
    raise failure


class PinnedConnection(urllib3.connection.HTTPConnection):
    """Connects to vetted addresses, whatever the host's name means by now, for one exchange."""

    addresses: tuple[Address, ...]
    allowance: Allowance

    def exchange(
        self, method: str, path: str, *, body: bytes, headers: Mapping[str, str]
    ) -> http.client.HTTPResponse:
        """Send a request; return its answer, the body still unread.  Raises `RequestRefused`.

        The answer is http.client's own: urllib3's would log the URL of one with malformed headers.
        """
        self.connect()
        cast("LimitedSocket", self.sock).allowance = self.allowance
        try:
            # The server may have answered and hung up before it had read everything: its answer is there to read.
            with suppress(BrokenPipeError, ConnectionResetError):
                self.request(method, path, body=body, headers={**headers, "connection": "close"})
        except ValueError:
            # The cause quotes the header, which may be a secret.
            raise RequestRefused("the method or a header holds what HTTP can't carry") from None
        return http.client.HTTPConnection.getresponse(self)

    def _new_conn(self) -> socket.socket:
        """Connect.  urllib3 then sets TLS up on the socket, with the host's name for SNI and certificate."""
        return dial(self.addresses, self.port, self.allowance)


class PinnedTLSConnection(PinnedConnection, urllib3.connection.HTTPSConnection):
    """The same over TLS: the certificate must be the host name's, from an authority that the context trusts."""
