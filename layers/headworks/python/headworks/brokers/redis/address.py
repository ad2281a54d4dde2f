"""Where a Redis is, and who we are there."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from headworks.brokers.redis.operation import packed
from headworks.errors import InvalidDeclaration, excerpt

if TYPE_CHECKING:
    from collections.abc import Callable
    from urllib.parse import SplitResult

    from headworks.brokers.redis.conversation import Node
    from headworks.webhooks.secrets import Secrets

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
    credentials: Callable[[], Credentials | None] | None = field(default=None, repr=False)

    @property
    def node(self) -> Node:
        """Host and port."""
        return (self.host, self.port)

    def greeting(self) -> bytes | None:
        """What a new connection says first, if anything: one command."""
        ours = self.credentials() if self.credentials else None
        if ours is None:
            return None
        user, password = ours
        return packed(("AUTH", user or "default", password))


def address_of(url: str, *, tls: ssl.SSLContext | None = None) -> Address:
    """The address in a URL: `redis://[user:password@]host[:port]`, or `rediss://` with TLS.

    `rediss://user@host?cache=name` logs in to an ElastiCache Serverless of that name by IAM.
    `tls` stands in for the system's own idea of whom to trust.  Raises `InvalidDeclaration`;
    the message leaves user and password out.
    """
    parts = urlsplit(url)
    shown = excerpt(f"{parts.scheme}://{parts.hostname or ''}{parts.path}")
    if parts.scheme not in ("redis", "rediss") or not parts.hostname:
        raise InvalidDeclaration(f"{shown} isn't a Redis URL: redis://host:port, or rediss:// with TLS")
    if parts.path.strip("/") not in ("", "0"):
        raise InvalidDeclaration(f"{shown} asks for a database: clusters have database 0 alone")
    with_tls = (tls or ssl.create_default_context()) if parts.scheme == "rediss" else None
    return Address(
        host=parts.hostname,
        port=parts.port or DEFAULT_PORT,
        tls=with_tls,
        credentials=_credentials(parts, shown),
    )


def address_in(secret: str, secrets: Secrets) -> Address:
    """The address in a URL that is kept as a secret.

    User and password are looked up at each new connection, so that a rotation is noticed; a server
    that has moved is found by processes that start after that.  Raises `InvalidSecret` for one that
    is no URL, and what `Secrets.get` raises.
    """
    # Here, for whoever has no secrets: it imports what AWS ships.
    from headworks.webhooks.schemes import InvalidSecret

    try:
        address = address_of(secrets.get(secret)[0])
    except InvalidDeclaration:
        # Without its cause, which tells a part of the secret.
        raise InvalidSecret(
            f"the secret {secret}", "it isn't a Redis URL: rediss://user:password@host"
        ) from None

    def look_up() -> Credentials | None:
        ours = _credentials(urlsplit(secrets.get(secret)[0]), f"the secret {secret}")
        return ours() if ours else None

    return replace(address, credentials=look_up)


def _credentials(parts: SplitResult, shown: str) -> Callable[[], Credentials | None] | None:
    """Who a URL says that we are, if it does."""
    user = unquote(parts.username or "")
    if caches := parse_qs(parts.query).get("cache"):
        if parts.scheme != "rediss" or not user or parts.password is not None:
            raise InvalidDeclaration(
                f"{shown} asks for IAM, which takes TLS, a user and no password: rediss://user@host?cache=name"
            )
        return _by_iam(caches[0], user)
    if parts.password is None:
        return None
    pair = (user, unquote(parts.password))
    return lambda: pair


def _by_iam(cache: str, user: str) -> Callable[[], Credentials]:
    # Here, because a laptop's Redis needs nothing of AWS, and botocore takes long to import.
    from headworks.brokers.redis.iam import tokens

    return tokens(cache=cache, user=user)
