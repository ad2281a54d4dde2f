"""Exchanges as tests write them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from headworks.outbound.client import Answer, GuardedClient

BRIEFLY = timedelta(seconds=0.3)
# Long past the limit for a busy machine, and far from how long the servers would go on.
SOON_AFTER_SECONDS = 3.0


def post(
    client: GuardedClient,
    url: str,
    body: bytes = b"{}",
    *,
    headers: dict[str, str] | None = None,
    timeout: timedelta = timedelta(seconds=5),
    limit: int = 100,
) -> Answer:
    return client.send(
        "POST", url, body=body, headers=headers or {}, timeout=timeout, response_limit_bytes=limit
    )


def head(status: str = "200 OK", *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode()
