"""Actors whose calls to one store take turns, in an order that the test gives."""

from __future__ import annotations

from threading import Semaphore, Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PATIENCE_SECONDS = 30


class Actor(Thread):
    """Somebody in a thread of its own, who stands still before each call of the client."""

    def __init__(self, client: Any, act: Callable[[Any], object]) -> None:
        super().__init__(daemon=True)
        self._client, self._act = client, act
        self._may_go, self._stands_still = Semaphore(0), Semaphore(0)
        self._error: BaseException | None = None
        self.is_over = False

    def __getattr__(self, name: str) -> Any:
        """What the client has; a call of it waits for its turn."""
        found = getattr(self._client, name)

        def call(**arguments: Any) -> Any:
            self._stands_still.release()
            self._may_go.acquire()
            return found(**arguments)

        return found if name == "exceptions" else call

    def run(self) -> None:
        try:
            self._act(self)
        except BaseException as error:  # noqa: BLE001 - it is raised where the test sees it
            self._error = error
        self.is_over = True
        self._stands_still.release()

    def begin(self) -> None:
        """Up to the first call."""
        self.start()
        self._wait()

    def go_on(self) -> None:
        """Make the call, and go on up to the next one or the end."""
        self._may_go.release()
        self._wait()

    def _wait(self) -> None:
        assert self._stands_still.acquire(timeout=PATIENCE_SECONDS), "an actor hangs"
        if self._error is not None:
            raise self._error


def in_turns(client: Any, actors: Mapping[str, Callable[[Any], object]], schedule: Sequence[str]) -> None:
    """Run actors whose calls of the client come in the order of the schedule.

    Who is over has no turn any more; who isn't when the schedule ends goes on alone.
    """
    running = {name: Actor(client, act) for name, act in actors.items()}
    for actor in running.values():
        actor.begin()
    for name in schedule:
        if not running[name].is_over:
            running[name].go_on()
    for actor in running.values():
        while not actor.is_over:
            actor.go_on()
