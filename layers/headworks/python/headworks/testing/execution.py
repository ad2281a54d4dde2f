"""A piece of code that runs while virtual time passes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from headworks.testing.agenda import Agenda, Entry
    from headworks.testing.clock import MovingClock


class Killed(BaseException):
    """The process died here.

    Raise it from any place in a handler's own thread (a fake store, a patched client) to
    have its execution environment die there, as by `os._exit` or for want of memory; in
    another thread call `Environment.die`.  Not an `Exception`, so that no
    `except Exception` on the way survives it.
    """


class Executions:
    """The executions of one world.  One at a time has the turn; the others stand still.

    An execution hands the turn back when it lets time pass and when it ends, never in
    between: whatever happens in a world happens in one order, the same in every run.
    """

    def __init__(self, clock: MovingClock, agenda: Agenda) -> None:
        self.clock = clock
        self.agenda = agenda
        self.current: Execution | None = None
        self._unfinished: dict[Execution, None] = {}

    def start(self, execution: Execution) -> None:
        """Run it until it first lets time pass."""
        self._unfinished[execution] = None
        if self.current is None:
            execution.resume()
        else:
            # Asked for by code that has the turn: it begins when that hands the turn back.
            execution.plan_start()

    def forget(self, execution: Execution) -> None:
        """It is over."""
        self._unfinished.pop(execution, None)

    def kill_all(self) -> None:
        """Have whatever isn't over die where it stands."""
        for execution in list(self._unfinished):
            execution.kill()


class Execution:
    """One run of code: a thread, its place in virtual time, and what came of it.

    `ended` is called when its time is up: it returned, raised, died, or reached the limit
    and was killed there.
    """

    def __init__(
        self,
        executions: Executions,
        code: Callable[[], Any],
        ended: Callable[[Execution], None],
        *,
        limit: datetime,
    ) -> None:
        self.answer: Any = None
        self.error: BaseException | None = None
        self.timed_out = False
        self.has_died = False
        self._executions = executions
        self._clock = executions.clock
        self._agenda = executions.agenda
        self._code = code
        self._ended = ended
        self._limit = limit
        self._since = self._clock.now()
        self._has_returned = False
        self._is_killed = False
        # Held by the thread that acts for this execution: one at a time, and in its turn.
        self._acting = threading.Lock()
        self._turn = _taken_lock()
        self._turn_is_back = _taken_lock()
        self._thread = threading.Thread(target=self._run, daemon=True, name="simulated execution")
        self._next: Entry | None = None
        self._time_out: Entry = self._agenda.plan(limit, self._reach_limit)

    def plan_start(self) -> None:
        """Begin when the turn is free."""
        self._next = self._agenda.plan(self._clock.now(), self.resume)

    def resume(self) -> None:
        """Give it the turn, and take it back when it lets time pass or ends."""
        self._since = self._clock.now()
        self._executions.current = self
        if self._thread.ident is None:
            self._thread.start()
        else:
            self._turn.release()
        self._turn_is_back.acquire()
        self._executions.current = None
        if self._has_returned and not self._is_killed:
            self._plan_end()

    def kill(self) -> None:
        """Have it die where it stands, without a word to anybody."""
        self._is_killed = True
        self._agenda.cancel(self._time_out)
        if self._next is not None:
            self._agenda.cancel(self._next)
        if self._thread.ident is not None and not self._has_returned:
            self.resume()
        self._executions.forget(self)

    def let_pass(self, step: timedelta) -> None:
        """Let time pass; called from a thread that is known to be its own, or its code's."""
        with self._acting:
            self.check()
            due = self._clock.now() + step
            if due > self._since:
                self._clock.set(self._since)
                self._next = self._agenda.plan(due, self.resume)
                self._turn_is_back.release()
                self._turn.acquire()
                self.check()

    def let_pass_in_any_thread(self, step: timedelta) -> None:
        """Let time pass; called from a thread that may be another execution's.

        Such a thread can't be made to wait: its time runs ahead, and the others catch up
        when this execution's own thread next lets time pass.
        """
        if threading.current_thread() is self._thread:
            self.let_pass(step)
            return
        self.check()
        if self._clock.now() + step >= self._limit:
            self._clock.set(self._limit)
            raise Killed
        self._clock.set(self._clock.now() + step)

    def check(self) -> None:
        """Raises `Killed` if it is dead: what a dying process still tries has no effect."""
        if self._is_killed or self.has_died:
            raise Killed

    def die(self) -> NoReturn:
        """End the process that all its threads are in."""
        self.has_died = True
        raise Killed

    def _plan_end(self) -> None:
        """Its time is up when its threads' is, which may have run ahead."""
        due = self._clock.now()
        self._clock.set(self._since)
        if due > self._since:
            self._next = self._agenda.plan(due, self._end)
        else:
            self._end()

    def _end(self) -> None:
        self._agenda.cancel(self._time_out)
        self._executions.forget(self)
        self._ended(self)

    def _reach_limit(self) -> None:
        self.timed_out = True
        self.kill()
        self._ended(self)

    def _run(self) -> None:
        try:
            self.answer = self._code()
        except BaseException as error:  # noqa: BLE001 - whatever ends it is what came of it
            self.error = error
        with self._acting:
            self._has_returned = True
            self._turn_is_back.release()


def _taken_lock() -> threading.Lock:
    """A lock that its waiter takes once for each time that another thread releases it."""
    lock = threading.Lock()
    lock.acquire()
    return lock
