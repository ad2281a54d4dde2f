"""Calling a handler from an event loop: `async def` in the loop, `def` in threads."""

from __future__ import annotations

import asyncio
import inspect
import types
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, cast

from headworks.call import takes_context

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator
    from concurrent.futures import ThreadPoolExecutor

    from headworks.context import Context
    from headworks.message import Message
    from headworks.working.allowance import Allowance


class Abandoned(BaseException):
    """Nobody waits for a run any more, but it hasn't ended: it came to no outcome."""


class RunTime(Protocol):
    """The time of one run."""

    def allowance(self) -> Allowance:
        """What it may use."""

    def tell_overdue(self) -> None:
        """It takes longer, and nobody can stop it."""


class Handler:
    """A handler as its author wrote it: one parameter or two, `def` or `async def`."""

    def __init__(self, handle: Callable[..., Awaitable[None] | None], threads: ThreadPoolExecutor) -> None:
        self._handle = handle
        # The same thing, as those know it who know that it is async.
        self._awaited = cast("Callable[..., Awaitable[None]]", handle)
        self._threads = threads
        self.takes_context = takes_context(handle)
        self.is_async = inspect.iscoroutinefunction(handle) or inspect.iscoroutinefunction(
            getattr(handle, "__call__", None)  # noqa: B004 - an object may have an async one
        )

    def run(
        self,
        message: Message[Any],
        context: Context | None,
        time: RunTime,
    ) -> Awaitable[None]:
        """One run.  One that waits for something is cancelled when its time is up; a thread can't be.

        The time is asked for only by those that wait.
        """
        arguments = (message,) if context is None else (message, context)
        if self.is_async:
            return in_a_context_of_its_own(_coroutine(self._awaited(*arguments)), time.allowance)
        return self._in_a_thread(arguments, time)

    async def _in_a_thread(self, arguments: tuple[Any, ...], time: RunTime) -> None:
        allowance = time.allowance()
        loop = asyncio.get_running_loop()
        work = partial(copy_context().run, self._handle, *arguments)
        allowance.watch(loop, time.tell_overdue)
        try:
            result = await asyncio.shield(loop.run_in_executor(self._threads, work))
        except asyncio.CancelledError as error:
            raise Abandoned("its thread goes on") from error
        finally:
            allowance.stop_watching()
        if inspect.isawaitable(result):
            await in_a_context_of_its_own(_coroutine(result), time.allowance)


@types.coroutine
def in_a_context_of_its_own(
    coroutine: Coroutine[Any, Any, None], allowance: Callable[[], Allowance]
) -> Generator[Any, Any, None]:
    """Run a coroutine as part of the present task, but with context variables as in a task of its own.

    Most runs never wait, and a task costs more than they do.
    """
    context = copy_context()
    try:
        wanted = context.run(coroutine.send, None)
    except StopIteration:
        return
    time = allowance()
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - what waits in a loop does so in a task
    time.watch(task.get_loop(), task.cancel)
    try:
        while True:
            try:
                yield wanted
            except BaseException as error:  # noqa: BLE001 - it is for whoever waits
                wanted = context.run(coroutine.throw, error)
            else:
                wanted = context.run(coroutine.send, None)
    except StopIteration:
        return
    finally:
        time.stop_watching()


def _coroutine(awaitable: Awaitable[None]) -> Coroutine[Any, Any, None]:
    return awaitable if isinstance(awaitable, types.CoroutineType) else _awaiting(awaitable)


async def _awaiting(awaitable: Awaitable[None]) -> None:
    await awaitable
