"""Calling a handler as its author wrote it: one parameter or two, `def` or `async def`."""

from __future__ import annotations

import asyncio
import inspect
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any

from headworks.errors import InvalidDeclaration

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import timedelta

    from headworks.context import BatchContext, Context
    from headworks.message import Message


class Call:
    """A handler, ready to be called from any thread.

    All `async def` runs of a process share one event loop, which lives on from one
    invocation to the next: clients that a handler keeps stay usable.  They are cancelled
    after `timeout`; a thread can't be.
    """

    def __init__(self, handle: Callable[..., Awaitable[None] | None], *, timeout: timedelta) -> None:
        self._handle = handle
        self._timeout = timeout.total_seconds()
        self._takes_context = takes_context(handle)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._lock = Lock()

    def __call__(self, taken: Message[Any] | Sequence[Message[Any]], context: Context | BatchContext) -> None:
        """Run the handler, of one message or of a batch, to its end; what it raises comes out as it is."""
        result = self._handle(taken, context) if self._takes_context else self._handle(taken)
        if inspect.isawaitable(result):
            asyncio.run_coroutine_threadsafe(self._awaiting(result), self._running_loop()).result()

    def cancel(self) -> None:
        """Cancel every `async def` run that hasn't ended."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in self._tasks])

    async def _awaiting(self, result: Awaitable[None]) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine on a loop is a task
        self._tasks.add(task)
        try:
            async with asyncio.timeout(self._timeout):
                await result
        finally:
            self._tasks.discard(task)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                Thread(target=self._loop.run_forever, name="handlers", daemon=True).start()
            return self._loop


def takes_context(handle: Callable[..., Any]) -> bool:
    """Whether a handler has a second parameter.  Raises `InvalidDeclaration` for one that can't be called."""
    name = getattr(handle, "__name__", repr(handle))
    parameters = inspect.signature(handle).parameters.values()
    positional = [
        each for each in parameters if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
    ]
    star = any(each.kind is each.VAR_POSITIONAL for each in parameters)
    unbound = [
        each.name for each in parameters if each.kind is each.KEYWORD_ONLY and each.default is each.empty
    ]
    required = [each for each in positional if each.default is each.empty]
    if unbound or len(required) > 2 or not (positional or star):
        raise InvalidDeclaration(
            f"{name}: a handler takes a message (or a batch's), or that and a context; bind the rest with functools.partial"
        )
    return len(positional) > 1 or star
