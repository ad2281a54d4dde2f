"""Waking tasks of one loop: cheaper than a condition where nobody waits."""

from __future__ import annotations

import asyncio
from collections import deque


class Signal:
    """Something that tasks wait for.  Whoever waits looks again whether it is so."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def wait(self, seconds: float | None = None) -> None:
        """Until it is given, or for so long."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        if seconds is None:
            await future
            return
        await asyncio.wait([future], timeout=seconds)
        future.cancel()

    def give(self) -> None:
        """Wake everybody."""
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)

    def give_to(self, most: int) -> None:
        """Wake up to so many of those who wait, the longest first."""
        while self._waiting and most > 0:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)
                most -= 1
