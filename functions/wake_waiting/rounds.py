"""Going round all consumers' waiting messages."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

from headworks.errors import HeadworksError
from headworks.telemetry import Action

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from headworks.telemetry import Log
    from headworks.waking import Waker

SIDE_BY_SIDE = 8


class NotAllWoken(HeadworksError):
    """Messages of some consumers stay until the next round."""


class Rounds:
    """Everybody's wakers, side by side: neither a failing nor a slow one holds up the others."""

    def __init__(self, wakers: Sequence[Waker], *, log: Log) -> None:
        self._wakers = wakers
        self._pool = ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="rounds")
        self._log = log

    def go(self, event: object, context: LambdaContext) -> None:  # noqa: ARG002 - the signature of Lambda handlers
        """Wake what is due.  Raises `NotAllWoken` when everybody has had their turn, and some failed."""
        self._log.begin(context)

        def remaining() -> timedelta:
            return timedelta(milliseconds=context.get_remaining_time_in_millis())

        turns = [(waker, self._pool.submit(waker.wake, remaining=remaining)) for waker in self._wakers]
        failures = [(waker, error) for waker, turn in turns if (error := turn.exception()) is not None]
        for waker, error in failures:
            self._log(
                Action.TROUBLE,
                what="its waiting messages stay for the next round",
                queue=waker.queue.name,
                consumer=waker.consumer,
                error=error,
            )
        if failures:
            names = ", ".join(f"{waker.queue.name}/{waker.consumer}" for waker, _ in failures)
            raise NotAllWoken(f"the waiting messages of {names} stay for the next round") from failures[0][1]
