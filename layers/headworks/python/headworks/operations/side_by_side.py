"""Asking several at once: what one can't answer is told as trouble, and doesn't spoil the others."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, ParamSpec, TypeVar

from headworks.errors import Unavailable
from headworks.telemetry import Action

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from headworks.telemetry import Log

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked(Generic[T]):
    """What is being asked, in words, and the answer that is to come."""

    what: str
    answer: Future[T]


class SideBySide:
    """Asks in threads of its own."""

    def __init__(self, most: int, name: str) -> None:
        self._calls = ThreadPoolExecutor(most, thread_name_prefix=name)

    def ask(self, what: str, ask: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Asked[T]:
        """Begin to ask."""
        return Asked(what, self._calls.submit(ask, *args, **kwargs))


@dataclass(slots=True)
class Hearing:
    """Hears answers about one thing; `trouble` is what couldn't be answered, in sentences."""

    log: Log
    trouble: list[str] = field(default_factory=list)

    def hear(self, asked: Asked[T]) -> T | None:
        """An answer, or none where its store has none."""
        try:
            return asked.answer.result()
        except Unavailable as error:
            self.trouble.append(f"{asked.what} can't be asked now.")
            self.log(Action.TROUBLE, what=f"{asked.what} can't be asked", error=error)
            return None
