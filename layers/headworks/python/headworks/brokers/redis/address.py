"""Where a Redis is, and who we are there."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from headworks.brokers.redis.operation import packed
from headworks.errors import InvalidDeclaration, excerpt

if TYPE_CHECKING:
    from collections.abc import Callable

    from headworks.brokers.redis.conversation import Node

DEFAULT_PORT = 6379
Credentials = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Address:
    """A server, or any node of a cluster.

    `credentials` is asked for user and password at each new connection, so a token that is
    made for fifteen minutes works as well as a secret that is rotated.
    """

    host: str
    port: int = DEFAULT_PORT
    tls: ssl.SSLContext | None = None
    credentials: Callable[[], Credentials] | None = field(default=None, repr=False)

    @property
    def node(self) -> Node:
        """Host and port."""
        return (self.host, self.port)

    def greeting(self) -> bytes | None:
        """What a new connection says first, if anything: one command."""
        if self.credentials is None:
            return None
        user, password = self.credentials()
        return packed(("AUTH", user or "default", password))


def address_of(url: str, *, tls: ssl.SSLContext | None = None) -> Address:
    """The address in a URL: `redis://[user:password@]host[:port]`, or `rediss://` with TLS.

    `tls` stands in for the system's own idea of whom to trust.  Raises `InvalidDeclaration`;
    the message leaves user and password out.
    """
    parts = urlsplit(url)
    shown = excerpt(f"{parts.scheme}://{parts.hostname or ''}{parts.path}")
    if parts.scheme not in ("redis", "rediss") or not parts.hostname:
        raise InvalidDeclaration(f"{shown} isn't a Redis URL: redis://host:port, or rediss:// with TLS")
    if parts.path.strip("/") not in ("", "0"):
        raise InvalidDeclaration(f"{shown} asks for a database: clusters have database 0 alone")
    credentials = None
    if parts.password is not None:
        pair = (unquote(parts.username or ""), unquote(parts.password))
        credentials = lambda: pair  # noqa: E731 - as short as the thing it does
    with_tls = (tls or ssl.create_default_context()) if parts.scheme == "rediss" else None
    return Address(
        host=parts.hostname, port=parts.port or DEFAULT_PORT, tls=with_tls, credentials=credentials
    )
