"""The broker of Redis, as the library asks for one: blocking, of one consumer of one queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headworks import outcome
from headworks.brokers.broker import NO_DELAY, Delivery, Sent
from headworks.brokers.redis.acceptance import Acceptance, offer_of
from headworks.brokers.redis.cancelling import cancel
from headworks.brokers.redis.dead_stream import DeadLetter, DeadStream
from headworks.brokers.redis.delivered import Finished
from headworks.brokers.redis.putting_back import WayBack
from headworks.brokers.redis.verdicts import Verdicts, with_header
from headworks.clock import SystemClock
from headworks.errors import Unavailable
from headworks.message import encode
from headworks.telemetry import LONGEST_ERROR, Action

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from headworks.brokers.broker import Resending, Settled
    from headworks.brokers.redis.connection import Connection
    from headworks.brokers.redis.delivered import Received, Verdict
    from headworks.brokers.redis.deliveries import Deliveries
    from headworks.brokers.redis.entry_ledger import EntryLedger
    from headworks.brokers.redis.keys import Keys
    from headworks.brokers.redis.memory_mark import MemoryMark
    from headworks.brokers.redis.scripts import Scripts
    from headworks.clock import Clock
    from headworks.ledger.ledger import Letter
    from headworks.message import Message
    from headworks.queue import Queue
    from headworks.telemetry import Log


class RedisSender:
    """The way in to a queue on Redis: every consumer gets each message."""

    def __init__(
        self,
        queue: Queue,
        connection: Connection,
        keys: Keys,
        *,
        mark: MemoryMark | None = None,
        scripts: Scripts | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._queue = queue
        self._connection = connection
        self._keys = keys
        self._scripts = scripts
        self._clock = clock or SystemClock()
        self._dead = [DeadStream(keys.of(consumer)) for consumer in queue.consumers]
        self._acceptance = Acceptance.of_queue(queue, keys, mark=mark, scripts=scripts)

    def send(self, messages: Sequence[Message[bytes]], *, delay: timedelta = NO_DELAY) -> list[Sent]:
        """See `Sender.send`.  A duplicate answers the id that its key was accepted under first."""
        offers = [offer_of(self._queue, message) for message in messages]
        accepted = self._connection.run(self._acceptance.enqueue(offers, delay=delay))
        return [Sent(message_id=each.message_id, error=each.error) for each in accepted]

    def bury(self, message: Message[bytes], *, reason: str, error: str) -> Sent:
        """Keep it among every consumer's dead letters: a replay is for each of them."""
        letter = DeadLetter(reason=reason, error=error[:LONGEST_ERROR], died_at=self._clock.now())
        letter = with_header(letter, message)
        try:
            for dead in self._dead:
                self._connection.run(dead.bury(message.id, encode(message), letter))
        except Unavailable as trouble:
            return Sent(message_id=message.id, error=str(trouble))
        return Sent(message_id=message.id)

    def cancel(self, key: str) -> bool:
        """See `Sender.cancel`."""
        return self._connection.run(cancel(self._keys, self._queue.consumers, key, scripts=self._scripts))


class RedisBroker(RedisSender):
    """One consumer's queue on Redis.

    A retry keeps the attempt and its history in the entry.  `entries` is the ledger that
    processing asked about these deliveries, if it was one of entries: it knows how an attempt
    failed, and all waits are spent here.  `keeps_dead_letters` has dead ones kept in Redis,
    where no other ledger does.
    """

    def __init__(
        self,
        queue: Queue,
        consumer: str,
        connection: Connection,
        keys: Keys,
        deliveries: Deliveries,
        *,
        log: Log,
        entries: EntryLedger | None = None,
        keeps_dead_letters: bool = False,
        mark: MemoryMark | None = None,
        scripts: Scripts | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(queue, connection, keys, mark=mark, scripts=scripts, clock=clock)
        self._way_back = WayBack(
            queue, keys.of(consumer), connection, from_ledger=not keeps_dead_letters, scripts=scripts
        )
        self._deliveries = deliveries
        self._log = log
        self._entries = entries
        self._verdicts = Verdicts(self._clock, entries=entries, keeps_dead_letters=keeps_dead_letters)

    def settle(self, settled: Sequence[Settled]) -> frozenset[str]:
        """See `Broker.settle`."""
        self._tell(settled, [self._verdicts.of(_received(each.delivery), each) for each in settled])
        if self._entries is not None:
            for each in settled:
                self._entries.let_go(_received(each.delivery).message_id)
        return frozenset(each.delivery.id for each in settled if _comes_back(each.outcome))

    def delete(self, deliveries: Sequence[Delivery]) -> None:
        """See `Broker.delete`.  What was settled is gone already, or known as a member of a run that goes on."""
        held = [_received(each) for each in deliveries if _received(each).entry in self._deliveries.held]
        self._tell((), [Finished(each) for each in held if each.run == 1])

    def resend(self, name: str, letter: Letter, *, delay: timedelta, sending: int) -> str | None:
        """See `Broker.resend`."""
        return self._way_back.resend(name, letter, delay=delay, sending=sending)

    def resend_all(self, resendings: Sequence[Resending]) -> list[str | None]:
        """See `Broker.resend_all`."""
        return self._way_back.resend_all(resendings)

    def _tell(self, settled: Sequence[Settled], verdicts: Sequence[Verdict]) -> None:
        try:
            late = self._connection.run(self._deliveries.settle(verdicts))
        except Unavailable as error:
            self._trouble("its leases run out, and somebody else finds what was settled", why=str(error))
            return
        for each in settled:
            if _received(each.delivery).entry in late:
                self._trouble("its lease had ended before it was settled", message_id=each.delivery.id)

    def _trouble(self, what: str, *, message_id: str | None = None, why: str | None = None) -> None:
        self._log(Action.TROUBLE, what=what, queue=self._queue.name, message_id=message_id, error_message=why)


def delivery_of(received: Received) -> Delivery:
    """A delivery as processing takes it."""
    return Delivery(
        id=received.message_id,
        body=received.body.decode(),
        receipt=f"{received.entry.decode()}/{received.count}",
        receive_count=received.count,
        sent_at=received.sent_at,
        ordering_key=received.ordering_key,
        record={"received": received},
    )


def _received(delivery: Delivery) -> Received:
    received: Received = delivery.record["received"]
    return received


def _comes_back(verdict: outcome.Outcome) -> bool:
    return isinstance(verdict, outcome.Defer) or (isinstance(verdict, outcome.Retry) and not verdict.away)
