"""Edges: the functions behind the HTTP API."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from headworks.errors import InvalidDeclaration

MAX_HTTP_API_TIMEOUT = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A function that answers requests: its package and the routes that lead to it (`POST /path`).

    `{source}` in a route lets it verify webhooks and send where routes lead, `{queue}` to
    every queue that isn't internal; `sends_to` names the queues beside those.  Whoever sends
    for `{queue}` or `sends_to` knows the producers' tokens.
    """

    function: str
    routes: tuple[str, ...]
    sends_to: tuple[str, ...] = ()
    timeout: timedelta = timedelta(seconds=10)
    memory_mb: int = 512

    def __post_init__(self) -> None:
        if not timedelta(seconds=1) <= self.timeout < MAX_HTTP_API_TIMEOUT:
            raise InvalidDeclaration(
                f"{self.function}: a timeout of {self.timeout} is outside 1 to 29 s, what an HTTP API waits for"
            )

    def takes(self, parameter: str) -> bool:
        """Whether a route has this parameter: `source`, `queue`."""
        return any(f"{{{parameter}}}" in route for route in self.routes)
