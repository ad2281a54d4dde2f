"""What every contestant does the same way: what is sent, how it is timed, and what its handler does.

Runs in the environment of each contestant, so it needs nothing but Python.  What is wanted comes
in the environment: contestants' own command lines start the workers, and hand nothing on.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    Payload = tuple[int, str, float]

URL = os.environ.get("BENCH_URL", "redis://127.0.0.1:6379/0")
MESSAGES = int(os.environ.get("BENCH_MESSAGES", "1000"))
RATE = float(os.environ.get("BENCH_RATE", "200"))
RESULT = Path(os.environ.get("BENCH_RESULT", "result.json"))
TIMED = bool(os.environ.get("BENCH_TIMED"))
# How many tasks of one process send at once, each waiting for the answer to its own message.
TOGETHER = 200
BATCH = 1_000
TEXT = "x" * 150


def payload(number: int) -> Payload:
    """A message's number, some text, and when it was sent, by the clock that all processes share."""
    return number, TEXT, time.monotonic()


class Tally:
    """The handler: counts, and writes down at the last message how long all of them took.

    Where they are timed it notes how long each was on its way.
    """

    def __init__(self) -> None:
        self._handled = 0
        self._began = 0.0
        self._waits: list[float] = []

    def take(self, sent: float) -> None:
        """One message that was sent at that time."""
        self._handled += 1
        if TIMED:
            self._waits.append(time.monotonic() - sent)
        if self._handled == 1:
            self._began = time.monotonic()
            RESULT.with_suffix(".began").touch()
        if self._handled == MESSAGES:
            self._say()

    def _say(self) -> None:
        seconds = time.monotonic() - self._began
        said = {"per_second": (MESSAGES - 1) / seconds, "waits": self._waits}
        partial = RESULT.with_suffix(".partial")
        partial.write_text(json.dumps(said))
        partial.rename(RESULT)


async def one_by_one(send: Callable[[Payload], Awaitable[Any]]) -> None:
    """Each message waits for the answer of the one before."""
    await send(payload(0))
    began = time.monotonic()
    for number in range(1, MESSAGES):
        await send(payload(number))
    say_rate(MESSAGES - 1, began)


async def together(send: Callable[[Payload], Awaitable[Any]]) -> None:
    """Many tasks, each sending one message after the other."""
    await send(payload(0))
    numbers = iter(range(1, MESSAGES))

    async def one_task() -> None:
        for number in numbers:
            await send(payload(number))

    began = time.monotonic()
    await asyncio.gather(*(one_task() for _ in range(TOGETHER)))
    say_rate(MESSAGES - 1, began)


def payloads() -> list[Payload]:
    """All of them."""
    return [payload(number) for number in range(MESSAGES)]


async def in_batches(send: Callable[[Sequence[Any]], Awaitable[Any]], messages: Sequence[Any]) -> None:
    """All messages in calls of a thousand, two of them on their way at a time."""
    batches = iter([messages[at : at + BATCH] for at in range(0, MESSAGES, BATCH)])

    async def one_after_the_other() -> None:
        for batch in batches:
            await send(batch)

    began = time.monotonic()
    await asyncio.gather(one_after_the_other(), one_after_the_other())
    say_rate(MESSAGES, began)


async def paced(send: Callable[[Payload], Awaitable[Any]]) -> None:
    """So many a second, evenly; one that is late is sent at once, with the time when it was."""
    began = time.monotonic()
    for number in range(MESSAGES):
        early = began + number / RATE - time.monotonic()
        if early > 0:
            await asyncio.sleep(early)
        await send(payload(number))
    say_rate(MESSAGES, began)


def say_rate(messages: int, began: float) -> None:
    """The answer of a program that sends."""
    RESULT.write_text(json.dumps({"per_second": messages / (time.monotonic() - began)}))


def play(roles: dict[str, Callable[[], Coroutine[Any, Any, None]]]) -> None:
    """Do what the command line names."""
    asyncio.run(roles[sys.argv[1]]())
