"""A server that is nearly full takes no more messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headworks.brokers.redis.operation import Refused, command
from headworks.errors import Unavailable

if TYPE_CHECKING:
    from headworks.brokers.redis.operation import Operation

LOOKS_EVERY_SECONDS = 1.0


class Full(Unavailable):
    """The server's memory is used up to the mark."""

    def __init__(self, used: int, limit: int, share: float) -> None:
        super().__init__(
            "Redis", f"{used:,} of {limit:,} bytes are used, and over {share:.0%} no message is accepted"
        )


class MemoryMark:
    """How much of its `maxmemory` a server may use; looked at once a second at most.

    A server without a limit, or one that doesn't tell, has no mark: it refuses by itself when it must.
    """

    def __init__(self, share: float = 0.8) -> None:
        self._share = share
        self._look_at = 0.0
        self._full: Full | None = None

    def check(self, now: float) -> Operation[None]:
        """Raises `Full` while the server is over the mark."""
        if now >= self._look_at:
            self._look_at = now + LOOKS_EVERY_SECONDS
            try:
                told = yield command("INFO", "memory")
            except Refused:
                self._look_at, self._full = float("inf"), None
                return
            self._full = self._judge(told.decode(errors="replace"))
        if self._full is not None:
            raise self._full

    def _judge(self, told: str) -> Full | None:
        figures = dict(line.split(":", 1) for line in told.splitlines() if ":" in line)
        used, limit = (int(figures.get(name, 0)) for name in ("used_memory", "maxmemory"))
        return Full(used, limit, self._share) if limit and used > limit * self._share else None
