"""Draining a queue's stream on Redis for as long as one invocation may take: what a mapping does for SQS."""

from __future__ import annotations

import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from headworks.brokers.redis.broker import RedisBroker, delivery_of
from headworks.brokers.redis.connection import PROMPT_ANSWER_SECONDS, Connection
from headworks.brokers.redis.deliveries import Deliveries
from headworks.brokers.redis.entry_ledger import EntryLedger
from headworks.brokers.redis.keys import Keys
from headworks.errors import Unavailable
from headworks.outcome import Done
from headworks.telemetry import Action
from headworks.working.heartbeat import Heartbeat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from headworks.batch import Result
    from headworks.brokers.broker import Delivery, Settled
    from headworks.brokers.redis.delivered import Fetched, Received
    from headworks.clock import Clock
    from headworks.queue import Queue
    from headworks.wiring import ConsumerParts
    from headworks.working.parts import RedisParts

NOW = timedelta(0)
# How long one wait for a message lasts: between two of them a pause is looked for.
LONGEST_READ = timedelta(seconds=5)
PAUSE_AFTER_TROUBLE = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Where a drain takes messages, and what tells it that its consumer is paused."""

    parts: RedisParts
    is_paused: Callable[[], bool]


class Drain:
    """One invocation's work on one consumer's stream, under a name of its own.

    Messages are gathered for as long as the queue's batch window says, and run as a batch.  A
    suspect comes alone.  What a batch brought to no outcome is handed back.
    """

    def __init__(
        self,
        queue: Queue,
        consumer: str,
        stream: Stream,
        *,
        clock: Clock,
        now: Callable[[], float] = time.monotonic,
        pause: Callable[[float], object] = time.sleep,
        longest_read: timedelta = LONGEST_READ,
        heeds_pause: bool = True,
    ) -> None:
        self._queue = queue
        self._consumer = consumer
        self._stream = stream
        self._clock = clock
        self._now = now
        self._pause = pause
        self._longest_read = longest_read
        self._is_troubled = False
        parts = stream.parts
        self._keys = Keys(queue.name, parts.namespace)
        self.entries = EntryLedger(clock, lasting=parts.lasting)
        self._connection = Connection(parts.address, answers_within=PROMPT_ANSWER_SECONDS)
        self._heart_line = Connection(parts.address)
        self._deliveries = Deliveries(
            self._keys.of(consumer),
            f"drain-{uuid.uuid4().hex}",
            lease=parts.lease,
            fifo=queue.fifo,
            heeds_pause=heeds_pause,
            scripts=parts.scripts,
        )
        self._heartbeat = Heartbeat(self._beat, lease=parts.lease, log=parts.log, queue=queue.name)
        self.broker = RedisBroker(
            queue,
            consumer,
            self._connection,
            self._keys,
            self._deliveries,
            log=parts.log,
            entries=self.entries,
            keeps_dead_letters=parts.lasting is None,
            scripts=parts.scripts,
            clock=clock,
        )
        self.last_fetch = now()

    @property
    def held(self) -> int:
        """How many messages it has."""
        return len(self._deliveries.held)

    @property
    def heartbeat_is_alive(self) -> bool:
        """Whether what it has is kept alive."""
        return self._heartbeat.is_alive

    def may_start(self, delivery: Delivery) -> bool:
        """Whether a delivery is still its own, as far as it can know."""
        received: Received = delivery.record["received"]
        return self._deliveries.may_start(received)

    def parts(self, own: ConsumerParts) -> ConsumerParts:
        """A consumer's parts with Redis in the place of SQS: the entry is the lease, and brings its history along."""
        return replace(own, broker=self.broker, ledger=self.entries)

    def run(
        self, work: Callable[[Sequence[Delivery]], Result], *, remaining: Callable[[], timedelta]
    ) -> None:
        """Take batches until what remains is the last one's: its fetch has run out by then."""
        with self._keeping_alive():
            while (left := remaining() - self._reserve) > NOW and not self._is_paused():
                try:
                    self._run_batch(self._gather(min(left, self._longest_read), remaining), work, remaining)
                except Unavailable as error:
                    if not self._is_troubled:
                        self._trouble("Redis doesn't answer; tried again until it does", error)
                    self._is_troubled = True
                    self._pause(PAUSE_AFTER_TROUBLE.total_seconds())

    def run_once(
        self,
        work: Callable[[Sequence[Delivery]], Result],
        *,
        most: int,
        remaining: Callable[[], timedelta],
    ) -> dict[str, bool]:
        """Take up to `most` of what is there now: their ids, and whether each is done.  Raises `Unavailable`."""
        with self._keeping_alive():
            taken = self._take_now(most)
            settled = self._run_batch(taken, work, remaining, most=most)
        done = {each.delivery.id for each in settled if isinstance(each.outcome, Done)}
        return {each.message_id: each.message_id in done for each in taken[:most]}

    def _take_now(self, most: int) -> list[Received]:
        """What there is, without waiting: a suspect alone, and of a run all members."""
        taken: list[Received] = []
        while len(taken) < most and not any(each.is_suspect for each in taken):
            fetched = self._fetch(most - len(taken), 0, idle=not taken)
            if not fetched.deliveries:
                break
            taken += fetched.deliveries
        return taken

    @property
    def _reserve(self) -> timedelta:
        return self._queue.batch_window + self._queue.function_timeout

    def _gather(self, longest: timedelta, remaining: Callable[[], timedelta]) -> list[Received]:
        """What comes first, and what comes soon after it."""
        most = self._queue.batch_size
        taken = list(self._fetch(most, longest.total_seconds(), idle=True).deliveries)
        until = self._now() + self._queue.batch_window.total_seconds()
        while taken and len(taken) < most and not any(each.is_suspect for each in taken):
            left = min(until - self._now(), self._longest_read.total_seconds())
            if left <= 0 or remaining() <= NOW:
                break
            more = self._fetch(most - len(taken), left, idle=False)
            taken += more.deliveries
            if more.suspects or more.paused:
                break
        return taken

    def _fetch(self, most: int, seconds: float, *, idle: bool) -> Fetched:
        fetched = self._connection.run(self._deliveries.fetch(most, block=seconds, idle=idle))
        self.last_fetch = self._now()
        self._is_troubled = False
        return fetched

    def _run_batch(
        self,
        taken: Sequence[Received],
        work: Callable[[Sequence[Delivery]], Result],
        remaining: Callable[[], timedelta],
        *,
        most: int | None = None,
    ) -> Sequence[Settled]:
        if not taken:
            return ()
        if remaining() <= NOW:
            # Told to end meanwhile: nobody has looked at them.
            self._connection.run(self._deliveries.hand_back(taken))
            return ()
        # Of a run there may be more than were asked for.
        some = taken[:most]
        self.entries.take(some)
        result = work([delivery_of(each) for each in some])
        settled = {each.delivery.id for each in result.settled}
        if lost := [each for each in taken if each.message_id not in settled]:
            self._connection.run(self._deliveries.hand_back(lost))
        return result.settled

    def _is_paused(self) -> bool:
        try:
            return self._stream.is_paused()
        except Unavailable as error:
            self._trouble("nobody knows whether it is paused: it goes on", error)
            return False

    @contextmanager
    def _keeping_alive(self) -> Iterator[None]:
        self._heartbeat.start()
        try:
            yield
            self._leave()
        finally:
            self._heartbeat.stop()
            self._heart_line.close()
            self._connection.close()

    def _beat(self) -> None:
        self._heart_line.run(self._deliveries.extend())

    def _leave(self) -> None:
        """Tell what couldn't be told before, and give the name up."""
        try:
            self._connection.run(self._deliveries.settle(()))
            self._connection.run(self._deliveries.leave())
        except Unavailable as error:
            self._trouble("a drain ended without giving its name up: it costs Redis a few bytes", error)

    def _trouble(self, what: str, error: Exception) -> None:
        self._stream.parts.log(Action.TROUBLE, what=what, queue=self._queue.name, error_message=str(error))


def batch_time(
    remaining: Callable[[], timedelta], queue: Queue, now: Callable[[], float]
) -> Callable[[], timedelta]:
    """How much time a batch has that begins now: as much as it would have on SQS, and no more than there is."""
    ends = now() + queue.function_timeout.total_seconds()
    return lambda: min(remaining(), timedelta(seconds=ends - now()))
