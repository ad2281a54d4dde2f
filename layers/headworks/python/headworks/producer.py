"""The producer: puts messages on a queue, once per idempotency key and window."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from headworks.brokers.broker import NO_DELAY, Sent
from headworks.clock import SystemClock
from headworks.deduplication import Remembered, effect_key
from headworks.errors import InvalidMessage, Unavailable
from headworks.ledger.ledger import Entry
from headworks.letters import letter_to_wait
from headworks.message import JSON_TYPE, new_message
from headworks.payload import encode_payload
from headworks.queue import KEPT_BACK, LONGEST_DELAY
from headworks.telemetry import Action

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from headworks.brokers.broker import Sender
    from headworks.claim_check import ClaimCheck
    from headworks.clock import Clock
    from headworks.deduplication import Deduplication
    from headworks.ledger.ledger import Ledger
    from headworks.message import Message
    from headworks.outcome import Reason
    from headworks.queue import Queue
    from headworks.telemetry import Log

# SQS's own DelaySeconds.
LONGEST_DELAY_OF_TRANSPORT = timedelta(seconds=900)


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A payload and the attributes that the sender gives it."""

    data: Any
    type: str
    source: str
    idempotency_key: str | None = None
    subject: str | None = None
    data_content_type: str = JSON_TYPE
    ordering_key: str | None = None
    tenant: str | None = None
    traceparent: str | None = None
    expires_at: datetime | None = None


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """On the queue: now, or (`duplicate`) earlier, under the id that it got then."""

    message_id: str
    duplicate: bool = False


class _Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A message that isn't on the queue yet; `key` is what the edge remembers it by."""

    message: Message[bytes]
    key: str | None
    epoch: int = 0


class Producer:
    """One queue's way in.

    With a memory of acceptances, an equal idempotency key inside the queue's window is
    answered as a duplicate.  It is looked up before the send and remembered after it; that
    memory failing costs a duplicate, which the ledger absorbs, and never the message.
    A delay that the transport can't keep is kept in the consumers' `ledgers`; one where
    `transport_waits` keeps any, for every consumer.  A transport with a memory of its own answers
    the id that an equal key was accepted under.
    """

    def __init__(
        self,
        queue: Queue,
        broker: Sender,
        *,
        log: Log,
        deduplication: Deduplication | None = None,
        claim_check: ClaimCheck | None = None,
        ledgers: Sequence[Ledger] = (),
        transport_waits: bool = False,
        clock: Clock | None = None,
    ) -> None:
        self._queue = queue
        self._broker = broker
        self._ledgers = ledgers
        self._transport_waits = transport_waits
        self._log = log
        self._deduplication = deduplication
        self._claim_check = claim_check
        self._clock = clock or SystemClock()

    @property
    def queue(self) -> Queue:
        """Where messages go."""
        return self._queue

    def send(self, outgoing: Outgoing, *, delay: timedelta = NO_DELAY, kept_back: bool = False) -> Accepted:
        """Send one message; return when it is durable.

        Raises `InvalidMessage` for one that can't be sent as asked, `Unavailable` when the
        transport doesn't take it.
        """
        [answer] = self.send_batch([outgoing], delay=delay, kept_back=kept_back)
        if isinstance(answer, Unavailable):
            raise answer
        return answer

    def send_batch(
        self, outgoings: Sequence[Outgoing], *, delay: timedelta = NO_DELAY, kept_back: bool = False
    ) -> list[Accepted | Unavailable]:
        """Send several; one answer each, in the order of the input.

        Raises `InvalidMessage`, before anything is sent, if any of them can't be sent as asked.
        Of equal keys in one batch the first is sent, the others are its duplicates.
        `delay` is at most a year.  What is `kept_back` is accepted like any other, and waits in the
        ledgers until somebody lets it go (`headworks.operations.kept_back`).
        """
        hold = KEPT_BACK if kept_back else delay if self._is_held(delay) else None
        self._check_delay(delay, hold)
        candidates = [self._candidate(outgoing, delay) for outgoing in outgoings]
        known = self._look_up({each.key for each in candidates if each.key is not None})
        now = self._clock.now()
        answers: dict[int, Accepted | Unavailable] = {}
        fresh: dict[int, _Candidate] = {}
        first_with: dict[str, int] = {}
        for index, candidate in enumerate(candidates):
            remembered = known.get(candidate.key) if candidate.key is not None else None
            if remembered is not None and remembered.is_open(now):
                answers[index] = self._duplicate(candidate, remembered.message_id)
            elif candidate.key is None or first_with.setdefault(candidate.key, index) == index:
                fresh[index] = _next_epoch(candidate, remembered)
        answers |= self._send(fresh, delay, hold, now)
        for index, candidate in enumerate(candidates):
            if index not in answers:
                answers[index] = self._as_first(candidate, answers[first_with[str(candidate.key)]])
        return [answers[index] for index in range(len(candidates))]

    def cancel(self, key: str) -> bool:
        """Take back a delayed message that no consumer has tried yet: no copy of it runs any more.

        Its key is free again.  False where nothing of that key waits: it is on the queue already,
        or was never sent.  Where only some consumers have been given it, they run it, the others don't.
        Raises `Unavailable`; asked again then, it goes on where it was.
        """
        memory, now = self._deduplication, self._clock.now()
        remembered = None if memory is None else memory.look_up({key}).get(key)
        if remembered is not None and not remembered.is_open(now):
            return False
        effect = key if remembered is None else effect_key(key, remembered.epoch)
        # Where one of them doesn't answer, those before it answer the same when they are asked again.
        answers = [self._broker.cancel(effect), *(ledger.cancel(effect) for ledger in self._ledgers)]
        if memory is not None and remembered is not None and any(answers):
            memory.remember({key: replace(remembered, window_ends=now)})
        return any(answers)

    def bury(self, outgoing: Outgoing, *, reason: Reason, error: str) -> Accepted:
        """Keep an event that can't be routed among the dead letters: it was accepted, so it isn't lost."""
        candidate = self._candidate(outgoing)
        for earlier in self._look_up({candidate.key} if candidate.key is not None else set()).values():
            if not earlier.forgotten:
                return self._duplicate(candidate, earlier.message_id)
        message = self._check_in(candidate.message)
        sent = self._broker.bury(message, reason=reason, error=error)
        if sent.error is not None:
            raise Unavailable(f"the dead-letter queue of {self._queue.name}", sent.error)
        self._remember({0: candidate}, {0: Accepted(message_id=message.id)}, self._clock.now(), NO_DELAY)
        self._tell(Action.QUARANTINED, message, reason=str(reason), error_message=error)
        return Accepted(message_id=message.id)

    def _candidate(self, outgoing: Outgoing, delay: timedelta = NO_DELAY) -> _Candidate:
        message, key = message_of(self._queue, outgoing, clock=self._clock, delay=delay)
        return _Candidate(message=message, key=key)

    def _send(
        self, fresh: Mapping[int, _Candidate], delay: timedelta, hold: timedelta | None, now: datetime
    ) -> dict[int, Accepted | Unavailable]:
        answers: dict[int, Accepted | Unavailable] = {}
        ready: dict[int, Message[bytes]] = {}
        for index, candidate in fresh.items():
            try:
                ready[index] = self._check_in(candidate.message)
            except Unavailable as error:
                self._tell(Action.NOT_QUEUED, candidate.message, error=error)
                answers[index] = error
        messages = list(ready.values())
        sent = self._broker.send(messages, delay=delay) if hold is None else self._hold(messages, now + hold)
        action = Action.KEPT_BACK if hold == KEPT_BACK else Action.QUEUED
        for (index, message), each in zip(ready.items(), sent, strict=True):
            if each.error is None and each.message_id != message.id:
                answers[index] = self._duplicate(fresh[index], each.message_id)
            elif each.error is None:
                answers[index] = Accepted(message_id=message.id)
                self._tell(action, message, delay_seconds=int(delay.total_seconds()) or None)
            else:
                answers[index] = Unavailable(f"the queue {self._queue.name}", each.error)
                self._tell(Action.NOT_QUEUED, message, error_message=each.error)
        self._remember(fresh, answers, now, delay)
        return answers

    def _check_delay(self, delay: timedelta, hold: timedelta | None) -> None:
        check_delay(self._queue, delay)
        if hold is not None and not self._ledgers:
            raise InvalidMessage(
                f"{self._queue.name}: a delay of {hold} needs a ledger to wait in, and this producer has none"
            )

    def _is_held(self, delay: timedelta) -> bool:
        """Whether the transport itself can't delay so long, or not a single message, or not for every consumer."""
        if self._transport_waits:
            return False
        return delay > LONGEST_DELAY_OF_TRANSPORT or (
            bool(delay) and (self._queue.fifo or self._queue.is_fanned_out)
        )

    def _hold(self, messages: Sequence[Message[bytes]], due: datetime) -> list[Sent]:
        """Let messages wait in every consumer's ledger."""
        return [self._hold_one(message, due) for message in messages]

    def _hold_one(self, message: Message[bytes], due: datetime) -> Sent:
        try:
            letter = letter_to_wait(self._claim_check, message)
            for ledger in self._ledgers:
                ledger.hold(Entry.of(message), letter, due=due)
        except Unavailable as error:
            return Sent(message_id=message.id, error=str(error))
        return Sent(message_id=message.id)

    def _check_in(self, message: Message[bytes]) -> Message[bytes]:
        return message if self._claim_check is None else self._claim_check.check_in(message)

    def _look_up(self, keys: set[str]) -> Mapping[str, Remembered]:
        if self._deduplication is None or not keys:
            return {}
        try:
            return self._deduplication.look_up(keys)
        except Unavailable as error:
            self._log(Action.TROUBLE, what="sent without a look-up", queue=self._queue.name, error=error)
            return {}

    def _remember(
        self,
        candidates: Mapping[int, _Candidate],
        answers: Mapping[int, Accepted | Unavailable],
        now: datetime,
        delay: timedelta,
    ) -> None:
        if self._deduplication is None:
            return
        accepted = {
            candidate.key: Remembered(
                message_id=answer.message_id,
                accepted_at=now,
                window_ends=now + delay + self._queue.deduplication_window,
                epoch=candidate.epoch,
                source=candidate.message.source,
                type=candidate.message.type,
            )
            for index, candidate in candidates.items()
            if candidate.key is not None and isinstance(answer := answers[index], Accepted)
        }
        if not accepted:
            return
        try:
            self._deduplication.remember(accepted)
        except Unavailable as error:
            self._log(Action.TROUBLE, what="sent but not remembered", queue=self._queue.name, error=error)

    def _duplicate(self, candidate: _Candidate, message_id: str) -> Accepted:
        return duplicate(self._log, self._queue, message_id, candidate.key)

    def _as_first(self, candidate: _Candidate, first: Accepted | Unavailable) -> Accepted | Unavailable:
        return first if isinstance(first, Unavailable) else self._duplicate(candidate, first.message_id)

    def _tell(self, action: Action, message: Message[bytes], **fields: Any) -> None:
        tell(self._log, action, self._queue, message, **fields)


def message_of(
    queue: Queue, outgoing: Outgoing, *, clock: Clock, delay: timedelta = NO_DELAY
) -> tuple[Message[bytes], str | None]:
    """The message that a sender's payload travels in, and the key that it is told apart by, if it has one.

    Raises `InvalidMessage`.
    """
    data = encode_payload(outgoing.data)
    key = outgoing.idempotency_key
    if key is None and queue.deduplicate == "content":
        key = content_key(queue, outgoing, data)
    if queue.fifo and outgoing.ordering_key is None:
        raise InvalidMessage(f"{queue.name} is ordered: a message needs an ordering key")
    message = new_message(
        data,
        source=outgoing.source,
        type=outgoing.type,
        clock=clock,
        queue=queue.name,
        idempotency_key=key,
        subject=outgoing.subject,
        data_content_type=outgoing.data_content_type,
        ordering_key=outgoing.ordering_key,
        tenant=outgoing.tenant,
        traceparent=outgoing.traceparent,
        expires_at=_expiry(queue, outgoing, clock, delay),
    )
    return message, key


def check_delay(queue: Queue, delay: timedelta) -> None:
    """Raises `InvalidMessage` for a delay that nothing keeps."""
    if not NO_DELAY <= delay <= LONGEST_DELAY:
        raise InvalidMessage(f"{queue.name}: a delay of {delay} is outside 0 to {LONGEST_DELAY.days} days")


def duplicate(log: Log, queue: Queue, message_id: str, key: str | None) -> Accepted:
    """The answer to an equal key, told of."""
    log(Action.DUPLICATE, queue=queue.name, message_id=message_id, idempotency_key=key)
    return Accepted(message_id=message_id, duplicate=True)


def tell(log: Log, action: Action, queue: Queue, message: Message[bytes], **fields: Any) -> None:
    """A line about a message on its way in."""
    if not log.wants(action):
        return
    log(
        action,
        queue=queue.name,
        message_id=message.id,
        source=message.source,
        event_type=message.type,
        idempotency_key=message.idempotency_key,
        traceparent=message.traceparent,
        **fields,
    )


def _expiry(queue: Queue, outgoing: Outgoing, clock: Clock, delay: timedelta) -> datetime | None:
    if outgoing.expires_at is None and queue.expires_after is None:
        return None
    due = clock.now() + delay
    if delay and outgoing.expires_at is not None and outgoing.expires_at <= due:
        raise InvalidMessage(f"{queue.name}: a delay of {delay} ends after the message has expired")
    if outgoing.expires_at is not None or queue.expires_after is None:
        return outgoing.expires_at
    return due + queue.expires_after


def content_key(queue: Queue, outgoing: Outgoing, data: bytes) -> str:
    """A key made from the content: equal content, equal key, whenever it comes.

    No clock goes in: a time bucket would let a duplicate through at each of its edges.
    JSON is brought into one form first, so that the order of its fields doesn't matter.
    """
    canonical = data
    if outgoing.data_content_type == JSON_TYPE:
        try:
            canonical = msgspec.json.encode(msgspec.json.decode(data), order="sorted")
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
            raise InvalidMessage(f"{queue.name}: data isn't the JSON it says: {error}") from error
    parts = (
        queue.name,
        outgoing.source,
        outgoing.type,
        outgoing.subject,
        outgoing.ordering_key,
        outgoing.tenant,
    )
    return hashlib.sha256(msgspec.json.encode(parts) + canonical).hexdigest()


def _next_epoch(candidate: _Candidate, remembered: Remembered | None) -> _Candidate:
    """An equal key after its window is an honest repeat: its effect gets a key of its own.

    Not so after a message that was removed: its effect is still to happen where it hasn't.
    """
    if remembered is None:
        return candidate
    epoch = remembered.epoch if remembered.forgotten else remembered.epoch + 1
    key = effect_key(str(candidate.key), epoch)
    message = msgspec.structs.replace(candidate.message, idempotency_key=key)
    return msgspec.structs.replace(candidate, message=message, epoch=epoch)
