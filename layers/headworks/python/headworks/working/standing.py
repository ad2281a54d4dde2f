"""Batches of a worker: they last as long as their handlers do, and settle what ends while others go on."""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

from headworks.batch import Batch
from headworks.telemetry import Action
from headworks.whole_batch import WholeBatch
from headworks.working.allowance import GOES_ON, Allowance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from headworks.batch import Workshop
    from headworks.brokers.broker import Delivery, Settled
    from headworks.ledger.ledger import Lease, Suspect
    from headworks.processing import Ended, Opened

# Until it is told to stop, a worker gives its handlers as long as they take.
UNTIL_TOLD = timedelta(days=30)
# A run that hasn't started is given back where less than its time is left.
MOMENT = timedelta(milliseconds=1)
NOW = timedelta(0)
LOOKS_EVERY_SECONDS = 1.0
# What is cancelled when its time is up ends right after it.
OVERDUE_AFTER_SECONDS = 0.5


def time_left(stop_by: float, timeout: timedelta) -> timedelta:
    """A batch's time once its worker was told to stop by a moment of its clock: nothing is begun any more."""
    left = timedelta(seconds=stop_by - time.monotonic())
    return max(min(left, timeout - MOMENT), NOW)


class Keeper(Protocol):
    """Who keeps what a batch runs its own meanwhile.  For any thread."""

    @property
    def lease(self) -> timedelta:
        """How long a message is its own without a sign of life."""

    def may_start(self, delivery: Delivery) -> bool:
        """Whether it is its own now."""

    def leased(self, delivery: Delivery, lease: Lease) -> None:
        """A run of it may begin under this lease."""

    def run_ended(self, delivery: Delivery) -> None:
        """Its run is over; another may begin in its place."""

    def let_go(self, deliveries: Sequence[Delivery]) -> None:
        """These are about to be settled."""

    def alone(self) -> AbstractContextManager[object]:
        """While nothing else runs in this process."""


class StandingBatch(Batch):
    """A batch of a worker.  Told by `remaining` that the end is near, it ends as a function's does."""

    def __init__(
        self, workshop: Workshop, remaining: Callable[[], timedelta], keeper: Keeper, **options: Any
    ) -> None:
        super().__init__(workshop, remaining, **options)
        self._keeper = keeper
        self._told = 0
        self._kept: frozenset[str] = frozenset()
        # Runs that aren't told of as overdue: when they began, and the ids of their messages.
        self._under_way: dict[object, tuple[float, Sequence[str]]] = {}

    def _lasts(self) -> timedelta:
        return self._keeper.lease

    def _run_time(self) -> Callable[[], timedelta]:
        allowance = Allowance(self._shop.queue.timeout)
        return lambda: max(min(allowance.remaining(), self._remaining()), NOW)

    def _take_on(self, opened: Opened, lease: Lease) -> None:
        self._keeper.leased(opened.delivery, lease)
        super()._take_on(opened, lease)

    def _attempt(self, opened: Opened, lease: Lease) -> Ended | Settled:
        self._keeper.leased(opened.delivery, lease)
        try:
            if not self._keeper.may_start(opened.delivery):
                return self._lost(opened)
            with self._told_of([opened]):
                return super()._attempt(opened, lease)
        finally:
            self._keeper.run_ended(opened.delivery)

    def _lost(self, opened: Opened) -> Settled:
        return self._shop.processing.defer(opened, "its lease was lost before it was started")

    def _run_suspect(self, opened: Opened, suspect: Suspect, rest: Sequence[Delivery]) -> None:
        with self._keeper.alone():
            super()._run_suspect(opened, suspect, rest)

    def _settle(self, first: int, *, explicitly: bool) -> frozenset[str]:  # noqa: ARG002 - always, and all that is new
        """Nobody reads an answer: what comes back is told by its outcome, and the rest is deleted."""
        some = self._settled[self._told :]
        self._told = len(self._settled)
        # First: a heartbeat would hide again what comes back now.
        self._keeper.let_go([each.delivery for each in some])
        self._kept |= self._settle_these(some, explicitly=True)
        return self._kept

    def _take_within(self, seconds: float | None) -> bool:
        """What ends is settled as soon as nothing else has ended: its neighbours may run for hours."""
        ends = None if seconds is None else time.monotonic() + seconds
        while True:
            left = LOOKS_EVERY_SECONDS if ends is None else ends - time.monotonic()
            if super()._take_within(min(left, LOOKS_EVERY_SECONDS)):
                if self._events.empty():
                    self._settle(0, explicitly=True)
                return True
            self._tell_overdue()
            if ends is not None and time.monotonic() >= ends:
                return False

    @contextmanager
    def _told_of(self, opened: Sequence[Opened]) -> Iterator[None]:
        run = object()
        self._under_way[run] = (time.monotonic(), [each.message.id for each in opened])
        try:
            yield
        finally:
            self._under_way.pop(run, None)

    def _tell_overdue(self) -> None:
        longest = self._shop.queue.timeout.total_seconds() + OVERDUE_AFTER_SECONDS
        now = time.monotonic()
        late = [run for run, (began, _) in tuple(self._under_way.items()) if now - began > longest]
        for run in late:
            _, message_ids = self._under_way.pop(run, (0, ()))
            for message_id in message_ids:
                self._shop.log(
                    Action.TROUBLE,
                    what=GOES_ON,
                    queue=self._shop.queue.name,
                    message_id=message_id,
                )


class StandingWholeBatch(StandingBatch, WholeBatch):
    """The same for a handler that takes all of a batch at once."""

    def _run_whole(self) -> None:
        lost = [each for each in self._leased if not self._keeper.may_start(each.opened.delivery)]
        for each in lost:
            self._leased.remove(each)
            self._events.put(self._lost(each.opened))
        with self._told_of([each.opened for each in self._leased]):
            super()._run_whole()
