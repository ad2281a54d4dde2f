"""What a worker is asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from headworks.errors import InvalidDeclaration, excerpt
from headworks.telemetry import Action

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from headworks.clock import Clock
    from headworks.message import Message
    from headworks.queue import Queue
    from headworks.telemetry import Log

# ReceiveMessage's, and a stop waits for a poll under way.
LONGEST_POLL = timedelta(seconds=20)


def never() -> bool:
    """A worker that nobody pauses."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOrder:
    """One consumer of one queue, and how to work for it; `Worker` says what each means."""

    queue: Queue
    consumer: str
    handle: Callable[..., Awaitable[None] | None]
    concurrency: int
    prefetch: int | None
    poll: timedelta
    grace: timedelta
    clock: Clock
    in_batches: bool = False
    is_paused: Callable[[], bool] = never
    on_processed: Callable[[Message[Any], timedelta], object] | None = None
    on_failed: Callable[[BaseException, Message[Any]], object] | None = None

    def __post_init__(self) -> None:
        name = self.queue.name
        if self.consumer not in self.queue.consumers:
            raise InvalidDeclaration(
                f"{excerpt(self.consumer)} isn't a consumer of {name}: those are {', '.join(self.queue.consumers)}"
            )
        if self.concurrency < 1:
            raise InvalidDeclaration(
                f"{name}: a worker with a concurrency of {self.concurrency} runs nothing"
            )
        if self.in_batches:
            self._check_batches()
        if self.prefetch is not None and self.prefetch < 1:
            raise InvalidDeclaration(f"{name}: a worker that prefetches {self.prefetch} never has anything")
        if not timedelta(0) < self.poll <= LONGEST_POLL:
            raise InvalidDeclaration(
                f"{name}: a poll of {self.poll} isn't over 0 and up to {LONGEST_POLL.total_seconds():g} s"
            )
        if self.grace < timedelta(0):
            raise InvalidDeclaration(f"{name}: a grace period of {self.grace} is over before it begins")

    def _check_batches(self) -> None:
        name = self.queue.name
        if self.queue.fifo:
            raise InvalidDeclaration(
                f"{name}: a handler of batches has no order to keep, and the queue is fifo: "
                "let it take one message at a time"
            )
        if self.concurrency != 1:
            raise InvalidDeclaration(
                f"{name}: a worker runs one batch at a time, not {self.concurrency}: start several workers"
            )
        if self.prefetch is not None:
            raise InvalidDeclaration(
                f"{name}: what a batch takes is the queue's batch size and window, and nothing is prefetched"
            )

    def tell_left_behind(self, log: Log) -> None:
        """Say that the process ends though a handler runs."""
        log(
            Action.TROUBLE,
            what="a handler outlives the grace period, and a thread can't be stopped: this process ends",
            queue=self.queue.name,
        )
