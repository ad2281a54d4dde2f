"""Runs of a handler in threads, counted and told of."""

from __future__ import annotations

from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any

from headworks.errors import Unavailable

if TYPE_CHECKING:
    from headworks.call import Call
    from headworks.context import Context
    from headworks.message import Message
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
