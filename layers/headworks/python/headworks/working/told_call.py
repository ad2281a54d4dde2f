"""Runs of a handler in threads, counted and told of."""

from __future__ import annotations

from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any

from headworks.call import Call
from headworks.errors import Failed, Unavailable
from headworks.message import Message

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from datetime import timedelta

    from headworks.context import BatchContext, Context
    from headworks.working.hooks import Hooks


class ToldCall:
    """A call around which a worker's hooks hear of each run.  For any thread."""

    def __init__(self, call: Call, hooks: Hooks) -> None:
        self._call = call
        self._hooks = hooks
        self._lock = Lock()
        self.active = 0

    def __call__(self, message: Message[Any], context: Context) -> None:
        started = perf_counter()
        self._count(1)
        try:
            self._call(message, context)
        except Unavailable:
            # A store of ours didn't answer: that is no attempt.
            raise
        except BaseException as error:
            self._hooks.failed(error, message)
            raise
        else:
            self._hooks.processed(message, (perf_counter() - started) * 1000)
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        with self._lock:
            self.active += change


class ToldBatchCall(Call):
    """A handler of batches: hooks hear of each message of a run, and `active` counts runs.  For any thread."""

    def __init__(
        self, handle: Callable[..., Awaitable[None] | None], *, timeout: timedelta, hooks: Hooks
    ) -> None:
        super().__init__(handle, timeout=timeout)
        self._hooks = hooks
        self._counting = Lock()
        self.active = 0

    def __call__(self, taken: Message[Any] | Sequence[Message[Any]], context: Context | BatchContext) -> None:
        started = perf_counter()
        self._count(1)
        error: BaseException | None = None
        try:
            super().__call__(taken, context)
        except BaseException as raised:
            error = raised
            raise
        finally:
            self._count(-1)
            messages = [taken] if isinstance(taken, Message) else taken
            self._tell(messages, error, (perf_counter() - started) * 1000)

    def _count(self, change: int) -> None:
        with self._counting:
            self.active += change

    def _tell(
        self, messages: Sequence[Message[Any]], error: BaseException | None, duration_ms: float
    ) -> None:
        named: Mapping[Message[Any], BaseException] = error.errors if isinstance(error, Failed) else {}
        for message in messages:
            failed = named.get(message) if isinstance(error, Failed) else error
            if failed is None:
                self._hooks.processed(message, duration_ms)
            elif not isinstance(failed, Unavailable):
                # A store of ours that doesn't answer is no attempt.
                self._hooks.failed(failed, message)
