"""Lambda's event source mapping: from a queue's messages to a function's batches."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from headworks.errors import InvalidDeclaration
from headworks.testing.batch_answer import WholeBatchFailed, check_answer, failed_items
from headworks.testing.function import Ending
from headworks.testing.sqs.content import attributes_md5
from headworks.testing.sqs.errors import SqsError

if TYPE_CHECKING:
    from headworks.testing.agenda import Agenda, Entry
    from headworks.testing.clock import MovingClock
    from headworks.testing.function import Invocation, SimulatedFunction
    from headworks.testing.sqs.message import StoredMessage
    from headworks.testing.sqs.queue import SimulatedQueue

NO_WINDOW = timedelta(0)
LONGEST_WINDOW = timedelta(minutes=5)
LARGEST_BATCH, LARGEST_FIFO_BATCH, LARGEST_WINDOWLESS_BATCH = 10_000, 10, 10
LARGEST_PAYLOAD = 6 * 1024 * 1024
ENVELOPE = len('{"Records": []}')
MOST_PER_RECEIVE = 10
LEAST_CONCURRENCY, MOST_CONCURRENCY = 2, 1000


class RefusedMapping(InvalidDeclaration):
    """A mapping that Lambda doesn't make (`InvalidParameterValueException` there)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingSettings:
    """How a mapping makes its batches, with Lambda's defaults.

    Without a `maximum_concurrency` the mapping stops at the account's 1,000.
    """

    batch_size: int = 10
    batch_window: timedelta = NO_WINDOW
    maximum_concurrency: int | None = None
    report_batch_item_failures: bool = False

    def check(self, queue: SimulatedQueue, function: SimulatedFunction) -> None:
        """Raises `RefusedMapping`."""
        is_fifo = queue.settings.is_fifo
        largest = LARGEST_FIFO_BATCH if is_fifo else LARGEST_BATCH
        if not 1 <= self.batch_size <= largest:
            raise RefusedMapping(f"{queue.name}: a batch of {self.batch_size} is outside 1 to {largest:,}")
        if self.batch_window and is_fifo:
            raise RefusedMapping(f"{queue.name}: a FIFO queue's mapping has no batch window")
        if not NO_WINDOW <= self.batch_window <= LONGEST_WINDOW:
            raise RefusedMapping(f"{queue.name}: a window of {self.batch_window} is outside 0 to 5 minutes")
        if self.batch_size > LARGEST_WINDOWLESS_BATCH and self.batch_window < timedelta(seconds=1):
            raise RefusedMapping(f"{queue.name}: a batch of {self.batch_size} needs a window of 1 s or more")
        most = self.maximum_concurrency
        if most is not None and not LEAST_CONCURRENCY <= most <= MOST_CONCURRENCY:
            raise RefusedMapping(f"{queue.name}: a maximum concurrency of {most} is outside 2 to 1,000")
        if queue.settings.visibility_timeout < function.timeout:
            raise RefusedMapping(
                f"{queue.name}: its visibility timeout of {queue.settings.visibility_timeout} is less than "
                f"{function.name}'s timeout of {function.timeout}"
            )


class EventSourceMapping:
    """Takes messages as soon as there are any and a batch more may run.

    A batch is handed over when it is full, when the next message would make it too large
    for one invocation, or when its window, which begins with its first message, is over.
    """

    def __init__(
        self,
        queue: SimulatedQueue,
        function: SimulatedFunction,
        settings: MappingSettings,
        clock: MovingClock,
        agenda: Agenda,
    ) -> None:
        settings.check(queue, function)
        self.queue = queue
        self.function = function
        self.settings = settings
        self._clock = clock
        self._agenda = agenda
        self._most = settings.maximum_concurrency or MOST_CONCURRENCY
        self._is_on = True
        self._running = 0
        self._gathering = _Batch()
        self._waiting: deque[_Batch] = deque()
        self._window: Entry | None = None
        self._poll_planned: Entry | None = None
        queue.watch(self._plan_poll)
        self._plan_poll()

    def turn(self, *, on: bool) -> None:
        """Enable or disable it: what was received before is still handed over."""
        self._is_on = on
        self._plan_poll()

    def _plan_poll(self) -> None:
        """Look at the queue when there may be something to take."""
        due = self.queue.next_receivable() if self._may_receive else None
        planned = self._poll_planned
        if planned is not None and planned.is_open:
            if due is not None and planned.due <= due:
                return
            self._agenda.cancel(planned)
        self._poll_planned = self._agenda.plan(due, self._poll) if due is not None else None

    @property
    def _may_receive(self) -> bool:
        # Then no batch waits for its turn either.
        return self._is_on and self._running < self._most

    def _poll(self) -> None:
        while self._may_receive:
            room = self.settings.batch_size - len(self._gathering.messages)
            messages = self.queue.receive(min(room, MOST_PER_RECEIVE), polls_long=True)
            if not messages:
                break
            for message in messages:
                self._gather(message)
            if not self.settings.batch_window:
                self._hand_over()
        self._plan_poll()

    def _gather(self, message: StoredMessage) -> None:
        record = record_of(message, self.queue.arn)
        size = len(json.dumps(record, ensure_ascii=False).encode())
        if self._gathering.messages and self._gathering.size + size > LARGEST_PAYLOAD:
            self._hand_over()
        self._gathering.add(message, record, size)
        if len(self._gathering.messages) == self.settings.batch_size:
            self._hand_over()
        elif len(self._gathering.messages) == 1 and self.settings.batch_window:
            window_ends = self._clock.now() + self.settings.batch_window
            self._window = self._agenda.plan(window_ends, self._hand_over)

    def _hand_over(self) -> None:
        if self._window is not None:
            self._agenda.cancel(self._window)
            self._window = None
        if self._gathering.messages:
            self._waiting.append(self._gathering)
            self._gathering = _Batch()
        self._run_waiting()

    def _run_waiting(self) -> None:
        while self._waiting and self._running < self._most:
            self._run(self._waiting.popleft())

    def _run(self, batch: _Batch) -> None:
        def ended(invocation: Invocation) -> None:
            self._running -= 1
            self._settle(batch, invocation)
            self._run_waiting()
            self._plan_poll()

        self._running += 1
        if self.function.invoke({"Records": batch.records}, ended) is None:
            # Throttled: received, counted, and back when the visibility timeout is over.
            self._running -= 1

    def _settle(self, batch: _Batch, invocation: Invocation) -> None:
        """Delete what succeeded; the rest comes back when its visibility timeout is over."""
        ids = {message.id for message in batch.messages}
        try:
            failed = self._failed(invocation, ids)
        except WholeBatchFailed as error:
            invocation.error = invocation.error or error
            return
        for message, receipt in zip(batch.messages, batch.receipts, strict=True):
            if message.id not in failed:
                self._delete(receipt)

    def _failed(self, invocation: Invocation, ids: set[str]) -> frozenset[str]:
        if invocation.ending is not Ending.ANSWERED:
            raise WholeBatchFailed(str(invocation.ending))
        if self.settings.report_batch_item_failures:
            return failed_items(invocation.answer, ids)
        check_answer(invocation.answer)
        return frozenset()

    def _delete(self, receipt: str) -> None:
        try:
            self.queue.delete(receipt)
        except SqsError:
            # A FIFO receipt that expired while the function ran: the message comes back.
            return


class _Batch:
    """Messages on their way into one invocation, with the receipts of this very receive."""

    def __init__(self) -> None:
        self.messages: list[StoredMessage] = []
        self.receipts: list[str] = []
        self.records: list[dict[str, Any]] = []
        self.size = ENVELOPE

    def add(self, message: StoredMessage, record: dict[str, Any], size: int) -> None:
        self.messages.append(message)
        self.receipts.append(record["receiptHandle"])
        self.records.append(record)
        self.size += size + len(", ")


def record_of(message: StoredMessage, arn: str) -> dict[str, Any]:
    """A received message as an entry of `event["Records"]`."""
    record: dict[str, Any] = {
        "messageId": message.id,
        "receiptHandle": message.receipt,
        "body": message.body,
        "attributes": message.system_attributes(),
        "messageAttributes": {
            name: attribute.as_record() for name, attribute in message.content.attributes.items()
        },
        "md5OfBody": message.content.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": arn.split(":")[3],
    }
    if message.content.attributes:
        record["md5OfMessageAttributes"] = attributes_md5(message.content.attributes)
    return record
