"""A queue: standard or FIFO."""

from __future__ import annotations

import dataclasses
import re
from datetime import timedelta
from typing import TYPE_CHECKING

from headworks.testing.sqs.content import Attribute, Content
from headworks.testing.sqs.deduplication import Deduplication
from headworks.testing.sqs.errors import SqsError, invalid_value, missing
from headworks.testing.sqs.fifo import FifoLine
from headworks.testing.sqs.message import State, StoredMessage
from headworks.testing.sqs.quirks import Quirks
from headworks.testing.sqs.receipt import Receipt, read_receipt
from headworks.testing.sqs.standard import StandardLine
from headworks.testing.sqs.stock import Stock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from random import Random
    from threading import RLock

    from headworks.clock import Clock
    from headworks.testing.sqs.settings import QueueSettings

LONGEST_VISIBILITY = timedelta(hours=12)
PURGE_INTERVAL = timedelta(seconds=60)
LONGEST_DELAY_SECONDS = 900
NO_TIME = timedelta(0)
# SQS's are 20 digits long, like this one and those after it.
FIRST_SEQUENCE_NUMBER = 18_000_000_000_000_000_000
_ID = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")
_WRONG_TYPE = "The request include parameter that is not valid for this queue type."


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the queues of one account and region share."""

    clock: Clock
    random: Random
    new_id: Callable[[], str]
    queue_by_arn: Callable[[str], SimulatedQueue | None]
    lock: RLock
    account: str = "000000000000"
    region: str = "us-east-1"


class SimulatedQueue:
    """One queue, and what lies on it.

    Its methods are SQS's, less the protocol; they raise `SqsError`.  A test mostly sends,
    looks at `messages` and `dead_letters`, and leaves receiving to a mapping.  `watch` is
    told whenever something may have become receivable sooner.
    """

    def __init__(
        self, name: str, settings: QueueSettings, surroundings: Surroundings, quirks: Quirks | None = None
    ) -> None:
        self.name = name
        self.settings = settings
        self.quirks = quirks or Quirks()
        self.arn = f"arn:aws:sqs:{surroundings.region}:{surroundings.account}:{name}"
        self.url = f"https://sqs.{surroundings.region}.amazonaws.com/{surroundings.account}/{name}"
        self.created_at = surroundings.clock.now()
        self._surroundings = surroundings
        self._stock = Stock(self._line)
        self._deduplication = Deduplication()
        self._sequence = 0
        self._purged_at: datetime | None = None
        self._watchers: list[Callable[[], None]] = []

    def send(
        self,
        body: str,
        *,
        group: str | None = None,
        deduplication_id: str | None = None,
        delay: timedelta | None = None,
        attributes: Mapping[str, str] | None = None,
    ) -> str:
        """Send a message with text attributes; answers its id."""
        content = Content(
            body, {name: Attribute("String", value) for name, value in (attributes or {}).items()}
        )
        with self._surroundings.lock:
            return self.accept(content, group=group, deduplication_id=deduplication_id, delay=delay).id

    @property
    def messages(self) -> list[StoredMessage]:
        """What lies on the queue now, visible or not, in the order in which it came."""
        self._pass_time()
        return list(self._stock)

    @property
    def bodies(self) -> list[str]:
        """The bodies of `messages`."""
        return [message.body for message in self.messages]

    @property
    def dead_letter_queue(self) -> SimulatedQueue | None:
        """Where exhausted messages go, if the queue has such a place."""
        redrive = self.settings.redrive
        return self._surroundings.queue_by_arn(redrive.target_arn) if redrive else None

    @property
    def dead_letters(self) -> list[StoredMessage]:
        """What lies on the dead-letter queue now."""
        target = self.dead_letter_queue
        return target.messages if target else []

    @property
    def available(self) -> int:
        """`ApproximateNumberOfMessages`, exactly."""
        return self._count(State.AVAILABLE)

    @property
    def in_flight(self) -> int:
        """`ApproximateNumberOfMessagesNotVisible`: received, or hidden for a retry."""
        return self._count(State.IN_FLIGHT)

    @property
    def delayed(self) -> int:
        """`ApproximateNumberOfMessagesDelayed`."""
        return self._count(State.DELAYED)

    def accept(
        self,
        content: Content,
        *,
        group: str | None = None,
        deduplication_id: str | None = None,
        delay: timedelta | None = None,
        trace_header: str | None = None,
    ) -> StoredMessage:
        """Take a message, or answer with the earlier one that a FIFO queue takes it for."""
        now = self._pass_time()
        self._check_send(content, group, deduplication_id, delay)
        message = StoredMessage(
            id=self._surroundings.new_id(),
            content=content,
            sent_at=now,
            retained_since=now,
            visible_at=now + (self.settings.delay if delay is None or self.settings.is_fifo else delay),
            group=group,
            deduplication_id=deduplication_id,
            trace_header=trace_header,
        )
        if self.settings.is_fifo and (earlier := self._put_in_order(message)) is not None:
            return earlier
        if not self._is_being_purged(now):
            self._put(message)
        return message

    def receive(
        self, most: int, *, visibility_timeout: timedelta | None = None, polls_long: bool = False
    ) -> list[StoredMessage]:
        """Up to `most` messages, hidden from now on; what has been received too often is moved instead."""
        now = self._pass_time()
        room = self.quirks.most_in_flight - self._stock.count(State.IN_FLIGHT)
        if room <= 0 and not (polls_long or self.settings.is_fifo):
            raise SqsError("OverLimit", f"{self.quirks.most_in_flight:,} messages are in flight.")
        delivered, exhausted = self._stock.line.take(min(most, max(room, 0)), self._is_exhausted)
        hidden_until = now + (
            self.settings.visibility_timeout if visibility_timeout is None else visibility_timeout
        )
        for message in exhausted:
            self._bury(message, now)
        for message in delivered:
            self._deliver(message, now, hidden_until)
        if delivered or exhausted:
            self._tell()
        return delivered

    def delete(self, handle: str) -> None:
        """Delete a received message.

        An old receipt of a standard queue's message changes nothing and says nothing; that
        of a FIFO queue's is refused once its visibility timeout is over.
        """
        self._pass_time()
        receipt = read_receipt(handle, self.name)
        message = self._stock.get(receipt.key)
        if message is None:
            return
        is_current = message.receipt == handle
        if self.settings.is_fifo and not (is_current and message.state is State.IN_FLIGHT):
            raise invalid_value(handle, "ReceiptHandle", "The receipt handle has expired.")
        if is_current:
            self._stock.remove(message)
            self._tell()

    def change_visibility(self, handle: str, timeout: timedelta) -> None:
        """Hide a received message anew, from now on; 12 hours after its receive at the latest."""
        now = self._pass_time()
        receipt = read_receipt(handle, self.name)
        message = self._stock.get(receipt.key)
        if message is None or message.receipt != handle or message.received_at is None:
            raise invalid_value(
                handle,
                "ReceiptHandle",
                "Message does not exist or is not available for visibility timeout change.",
            )
        if self.settings.is_fifo and message.state is not State.IN_FLIGHT:
            raise invalid_value(handle, "ReceiptHandle", "The receipt handle has expired.")
        if now + timeout > message.received_at + LONGEST_VISIBILITY:
            raise invalid_value(
                int(timeout.total_seconds()),
                "VisibilityTimeout",
                "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]",
            )
        self._stock.hide(message, now + timeout)
        self._tell()

    def purge(self) -> None:
        """Delete what is there, in flight or not; once a minute."""
        now = self._pass_time()
        if self._purged_at is not None and now < self._purged_at + PURGE_INTERVAL:
            raise SqsError(
                "AWS.SimpleQueueService.PurgeQueueInProgress",
                f"Only one PurgeQueue operation on {self.name} is allowed every 60 seconds.",
                status=403,
            )
        self._purged_at = now
        for message in list(self._stock):
            self._stock.remove(message)

    def move(self, message: StoredMessage, target: SimulatedQueue) -> None:
        """Redrive one message: to its new queue it is a new one, with a new id and nothing received."""
        now = self._pass_time()
        self._stock.remove(message)
        target._put(
            StoredMessage(
                id=self._surroundings.new_id(),
                content=message.content,
                sent_at=now,
                retained_since=now,
                visible_at=now + target.settings.delay,
                group=message.group,
                deduplication_id=message.deduplication_id,
                sequence_number=target._next_sequence_number(),
                trace_header=message.trace_header,
            )
        )

    def next_receivable(self) -> datetime | None:
        """When a receive may next bring or move something: now, later or, as things are, never."""
        now = self._pass_time()
        has_room = self._stock.count(State.IN_FLIGHT) < self.quirks.most_in_flight
        return now if has_room and self._stock.line.has_next else self._stock.next_visible

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call somebody whenever `next_receivable` may have changed."""
        self._watchers.append(watcher)

    def _line(self, is_noisy: Callable[[str], bool]) -> FifoLine | StandardLine:
        if self.settings.is_fifo:
            return FifoLine()
        return StandardLine(is_noisy, self._surroundings.random if self.quirks.shuffle else None)

    def _pass_time(self) -> datetime:
        now = self._surroundings.clock.now()
        self._stock.pass_time(now, self.settings.retention)
        return now

    def _count(self, state: State) -> int:
        self._pass_time()
        return self._stock.count(state)

    def _check_send(
        self, content: Content, group: str | None, deduplication_id: str | None, delay: timedelta | None
    ) -> None:
        if content.size > self.settings.largest_message:
            raise SqsError(
                "InvalidParameterValue",
                "One or more parameters are invalid. Reason: Message must be shorter than "
                f"{self.settings.largest_message} bytes.",
            )
        for name, value in (("MessageGroupId", group), ("MessageDeduplicationId", deduplication_id)):
            if value is not None and not _ID.fullmatch(value):
                raise invalid_value(value, name, "Up to 128 letters, digits and punctuation marks.")
        seconds = int((delay or NO_TIME).total_seconds())
        if not 0 <= seconds <= LONGEST_DELAY_SECONDS:
            raise invalid_value(seconds, "DelaySeconds", f"Must be from 0 to {LONGEST_DELAY_SECONDS}.")
        if self.settings.is_fifo:
            self._check_fifo_send(group, deduplication_id, seconds)
        elif deduplication_id is not None:
            raise invalid_value(deduplication_id, "MessageDeduplicationId", _WRONG_TYPE)

    def _check_fifo_send(self, group: str | None, deduplication_id: str | None, delay_seconds: int) -> None:
        if group is None:
            raise missing("MessageGroupId")
        if deduplication_id is None and not self.settings.deduplicates_content:
            raise SqsError(
                "InvalidParameterValue",
                "The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId "
                "provided explicitly",
            )
        if delay_seconds:
            raise invalid_value(delay_seconds, "DelaySeconds", _WRONG_TYPE)

    def _put_in_order(self, message: StoredMessage) -> StoredMessage | None:
        """Number a message, unless it repeats one: then that one."""
        deduplication_id = message.deduplication_id or message.content.body_sha256
        scope = message.group if self.settings.deduplicates_by_group else None
        earlier = self._deduplication.look_up(scope, deduplication_id, message.sent_at)
        if earlier is None:
            message.deduplication_id = deduplication_id
            message.sequence_number = self._next_sequence_number()
            self._deduplication.remember(scope, deduplication_id, message)
        return earlier

    def _next_sequence_number(self) -> str | None:
        if not self.settings.is_fifo:
            return None
        self._sequence += 1
        return str(FIRST_SEQUENCE_NUMBER + self._sequence)

    def _is_being_purged(self, now: datetime) -> bool:
        return (
            self.quirks.purge_takes_arrivals
            and self._purged_at is not None
            and now < self._purged_at + PURGE_INTERVAL
        )

    def _put(self, message: StoredMessage) -> None:
        self._stock.add(message)
        self._tell()

    def _is_exhausted(self, message: StoredMessage) -> bool:
        redrive = self.settings.redrive
        return (
            redrive is not None
            and message.receive_count >= redrive.max_receive_count
            and self.dead_letter_queue is not None
        )

    def _bury(self, message: StoredMessage, now: datetime) -> None:
        """Move an exhausted message; on standard queues its retention goes on from the first send."""
        self._stock.remove(message)
        target = self.dead_letter_queue
        if target is not None:
            target._put(
                dataclasses.replace(
                    message,
                    visible_at=now,
                    retained_since=now if self.settings.is_fifo else message.retained_since,
                    dead_letter_source=self.arn,
                    receipt=None,
                    received_at=None,
                )
            )

    def _deliver(self, message: StoredMessage, now: datetime, hidden_until: datetime) -> None:
        chance = 0.0 if self.settings.is_fifo else self.quirks.duplicate
        if chance and self._surroundings.random.random() < chance:
            self._stock.add(dataclasses.replace(message))
        message.receive_count += 1
        message.first_received_at = message.first_received_at or now
        message.received_at = now
        message.receipt = Receipt(self.name, message.key, message.receive_count).handle
        self._stock.hide(message, hidden_until)

    def _tell(self) -> None:
        for watcher in self._watchers:
            watcher()
