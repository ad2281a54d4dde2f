"""Going round all that is to be done each minute: everybody's waiting messages, pauses, the replays that go on."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from headworks.errors import HeadworksError, Unavailable
from headworks.telemetry import Action

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from headworks.operations.replays import Replays
    from headworks.telemetry import Log
    from headworks.waking import Waker

    Failed = tuple[str, BaseException]

SIDE_BY_SIDE = 8


class NotAllWoken(HeadworksError):
    """Something stays until the next round: messages of some consumers, some replays, or another part of it."""


class Part(Protocol):
    """A part of each round beside waking; `name` says what stays where it fails."""

    @property
    def name(self) -> str: ...

    def go(self, *, remaining: Callable[[], timedelta]) -> object:
        """Do it, for as long as time remains."""


class Rounds:
    """Everybody's wakers and the parts `beside` them, side by side, then the replays that go on.

    Neither a failing nor a slow one holds up the others.
    """

    def __init__(
        self, wakers: Sequence[Waker], *, replays: Replays, beside: Sequence[Part] = (), log: Log
    ) -> None:
        self._wakers = wakers
        self._beside = beside
        self._replays = replays
        self._pool = ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="rounds")
        self._log = log

    def go(self, event: object, context: LambdaContext) -> None:  # noqa: ARG002 - the signature of Lambda handlers
        """Wake what is due, and carry replays on.

        Raises `NotAllWoken` when everybody has had their turn, and some failed.
        """
        self._log.begin(context)

        def remaining() -> timedelta:
            return timedelta(milliseconds=context.get_remaining_time_in_millis())

        parts = [(part, self._pool.submit(part.go, remaining=remaining)) for part in self._beside]
        failures = [*self._wake(remaining), *self._failed(parts), *self._replay(remaining)]
        if failures:
            names = ", ".join(name for name, _ in failures)
            raise NotAllWoken(f"{names} stay for the next round") from failures[0][1]

    def _wake(self, remaining: Callable[[], timedelta]) -> Iterator[Failed]:
        turns = [(waker, self._pool.submit(waker.wake, remaining=remaining)) for waker in self._wakers]
        for waker, turn in turns:
            if (error := turn.exception()) is not None:
                self._log(
                    Action.TROUBLE,
                    what="its waiting messages stay for the next round",
                    queue=waker.queue.name,
                    consumer=waker.consumer,
                    error=error,
                )
                yield f"the waiting messages of {waker.queue.name}/{waker.consumer}", error

    def _failed(self, turns: Sequence[tuple[Part, Future[object]]]) -> Iterator[Failed]:
        for part, turn in turns:
            if (error := turn.exception()) is not None:
                self._log(Action.TROUBLE, what=f"{part.name} stay for the next round", error=error)
                yield part.name, error

    def _replay(self, remaining: Callable[[], timedelta]) -> Iterator[Failed]:
        try:
            running = [each.request.id for each in self._replays.running()]
        except Unavailable as error:
            self._log(Action.TROUBLE, what="replays stay for the next round", error=error)
            yield "all replays", error
            return
        turns = [(id_, self._pool.submit(self._replays.work, id_, remaining=remaining)) for id_ in running]
        for id_, turn in turns:
            if (trouble := turn.exception()) is not None:
                self._log(Action.TROUBLE, what="it stays for the next round", replay=id_, error=trouble)
                yield f"the messages of {id_}", trouble
