"""The guarded client: HTTP to addresses that others chose."""

from __future__ import annotations

import http.client
import socket
import ssl
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING

from headworks.outbound.addresses import Addresses, networks
from headworks.outbound.connection import Allowance, LimitedTLSSocket, PinnedConnection, PinnedTLSConnection
from headworks.outbound.errors import ConnectionFailed, TimedOut
from headworks.outbound.target import parse_target

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from headworks.outbound.addresses import Resolver
    from headworks.outbound.target import Target

# What an answer's status line, headers and the framing of its body may take, beside the body itself.
MAX_OVERHEAD_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a server answered.

    Header names are in lower case, repeated ones joined by commas.  `body_excerpt` is the
    beginning of the body as it came over the wire, never decompressed: it ends at the
    limit, or where the connection or the time did.  Only the status says whether a
    request was accepted, and once it is here no trouble with the body makes it unsaid.
    """

    status: int
    headers: Mapping[str, str]
    body_excerpt: bytes
    duration: timedelta

    @property
    def is_success(self) -> bool:
        """Whether the server accepted the request: any 2xx."""
        return 200 <= self.status < 300


class GuardedClient:
    """Sends requests to public addresses, and to the networks that it is allowed.

    No redirects, no proxies, no cookies, no retries, no decompression: one connection, one
    request, one answer.  Safe to use from several threads at once.  `tls` is the context
    that decides which authorities are trusted (the system's, by default); it is this
    client's from then on.
    """

    def __init__(
        self,
        allowed_networks: Iterable[str] = (),
        *,
        resolver: Resolver = socket.getaddrinfo,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._addresses = Addresses(allowed=networks(allowed_networks), resolver=resolver)
        self._tls = tls or ssl.create_default_context()
        self._tls.sslsocket_class = LimitedTLSSocket

    def send(
        self,
        method: str,
        url: str,
        *,
        body: bytes,
        headers: Mapping[str, str],
        timeout: timedelta,
        response_limit_bytes: int,
    ) -> Answer:
        """Send one request, within `timeout` from the look-up of the name to the last byte that is read.

        Raises `RequestRefused` (`AddressRefused` where it is for the URL), and `ConnectionFailed` or `TimedOut`
        where no answer came.
        """
        started = monotonic()
        target = parse_target(url)
        allowance = Allowance(time=timeout, answer_bytes=MAX_OVERHEAD_BYTES + response_limit_bytes)
        with _named(target, timeout), closing(self._connection(target, allowance)) as connection:
            response = connection.exchange(method, target.path, body=body, headers=headers)
            with closing(response):
                excerpt = _beginning(response, response_limit_bytes)
        return Answer(
            status=response.status,
            headers=_joined(response.headers.items()),
            body_excerpt=excerpt,
            duration=timedelta(seconds=monotonic() - started),
        )

    def _connection(self, target: Target, allowance: Allowance) -> PinnedConnection:
        within = timedelta(seconds=allowance.seconds_left())
        addresses = self._addresses.of(target.host, target.port, within=within)
        connection: PinnedConnection
        if target.is_tls:
            connection = PinnedTLSConnection(target.host, target.port, ssl_context=self._tls)
        else:
            connection = PinnedConnection(target.host, target.port)
        connection.addresses, connection.allowance = addresses, allowance
        return connection


@contextmanager
def _named(target: Target, timeout: timedelta) -> Iterator[None]:
    """Give the many errors of sockets, TLS and HTTP their two names."""
    try:
        yield
    except TimeoutError as error:
        raise TimedOut(f"{target.origin} gave no answer within {timeout.total_seconds():g} s") from error
    except (OSError, http.client.HTTPException) as error:
        raise ConnectionFailed(f"{target.origin}: {_why(error)}") from error


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate isn't trusted: {error.verify_message}"
    if isinstance(error, http.client.RemoteDisconnected):
        return "the server hung up without an answer"
    if isinstance(error, http.client.BadStatusLine):
        return "the answer isn't HTTP"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _beginning(response: http.client.HTTPResponse, limit: int) -> bytes:
    body = bytearray()
    try:
        while len(body) < limit and (piece := response.read1(limit - len(body))):
            body += piece
    except (OSError, http.client.HTTPException):
        # Cut short: what counts is the status, and that is here.
        return bytes(body[:limit])
    return bytes(body[:limit])


def _joined(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        joined[key] = f"{joined[key]}, {value}" if key in joined else value
    return joined
