"""The broker of Amazon SQS."""

from __future__ import annotations

import math
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from headworks import outcome
from headworks.brokers.broker import NO_DELAY, Sent
from headworks.brokers.record import KNOWN_AS
from headworks.brokers.sending import MOST_ENTRIES, Sending, deduplication_id, group_id, new_entry, told
from headworks.chunks import chunks
from headworks.errors import InvalidMessage
from headworks.queue import MAX_MESSAGE_BYTES
from headworks.telemetry import LONGEST_ERROR, Action

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import timedelta

    from mypy_boto3_sqs import SQSClient

    from headworks.brokers.broker import Delivery, Resending, Settled
    from headworks.ledger.ledger import Letter
    from headworks.message import Message
    from headworks.queue import Queue
    from headworks.telemetry import Log

# SendMessage: DelaySeconds.
MAX_DELAY_SECONDS = 900
CALLS_AT_ONCE = 8

# What SQS refuses in a body or an attribute: all but these may travel (SendMessage, MessageBody).
_REFUSED = re.compile("[^\u0009\u000a\u000d\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class SqsBroker:
    """One queue on SQS, with its dead-letter queue; of a queue with several consumers, one consumer's.

    `pause` waits between rounds of a send whose entries partly failed.
    """

    def __init__(
        self,
        queue: Queue,
        client: SQSClient,
        *,
        url: str,
        dead_letter_url: str,
        log: Log,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._queue = queue
        self._client = client
        self._url = url
        self._log = log
        self._sending = self._sending_to(url, pause)
        self._burying = self._sending_to(dead_letter_url, pause)

    def send(self, messages: Sequence[Message[bytes]], *, delay: timedelta = NO_DELAY) -> list[Sent]:
        """See `Sender.send`.  A delay is at most 15 minutes, and none on FIFO: it would hold up its whole group."""
        seconds = self._checked_delay(delay)
        entries = [self._entry(message) for message in messages]
        if seconds:
            entries = [{**entry, "DelaySeconds": seconds} for entry in entries]
        errors = self._sending.send(entries)
        return [Sent(message_id=each.id, error=error) for each, error in zip(messages, errors, strict=True)]

    def settle(self, settled: Sequence[Settled]) -> frozenset[str]:
        waiting: list[tuple[Settled, int]] = []
        for each in settled:
            match each.outcome:
                case outcome.Retry(after=after, away=False) | outcome.Defer(after=after):
                    waiting.append((each, int(after.total_seconds())))
        self._hide(waiting)
        return frozenset(each.delivery.id for each, _ in waiting)

    def delete(self, deliveries: Sequence[Delivery]) -> None:
        for some in chunks(deliveries, MOST_ENTRIES):
            entries = [{"Id": str(n), "ReceiptHandle": each.receipt} for n, each in enumerate(some)]
            try:
                answer = self._client.delete_message_batch(QueueUrl=self._url, Entries=entries)  # type: ignore[arg-type]  # built as dicts
            except (BotoCoreError, ClientError) as error:
                self._tell_undeleted(some, str(error))
                continue
            for failure in answer.get("Failed", []):
                self._tell_undeleted([some[int(failure["Id"])]], told(failure))

    def cancel(self, key: str) -> bool:  # noqa: ARG002 - the contract's
        """See `Sender.cancel`: SQS gives nothing back."""
        return False

    def bury(self, message: Message[bytes], *, reason: str, error: str) -> Sent:
        entry = self._entry(message)
        entry["MessageAttributes"] = _attributes(
            reason=reason, error=error, message_id=message.id, first_sent_at=message.time.isoformat()
        )
        [trouble] = self._burying.send([entry])
        return Sent(message_id=message.id, error=trouble)

    def resend(self, name: str, letter: Letter, *, delay: timedelta, sending: int) -> str | None:
        """Send a kept message again; the error, if it isn't on the queue.  `sending` counts its sendings."""
        entry: dict[str, Any] = {"MessageBody": letter.body}
        if self._queue.fifo:
            entry["MessageGroupId"] = group_id(letter.ordering_key or name)
            entry["MessageDeduplicationId"] = deduplication_id(name, sending=sending)
        elif seconds := self._checked_delay(delay):
            entry["DelaySeconds"] = seconds
        return self._sending.send([entry])[0]

    def resend_all(self, resendings: Sequence[Resending]) -> list[str | None]:
        entries = [self._entry_again(each) for each in resendings]
        if self._queue.fifo:
            return self._sending.send(entries)
        # Nothing orders them: several calls are on their way at a time.
        with ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="resend") as calls:
            answers = calls.map(self._sending.send, chunks(entries, MOST_ENTRIES))
            return [error for answer in answers for error in answer]

    def _entry_again(self, resending: Resending) -> dict[str, Any]:
        entry: dict[str, Any] = {"MessageBody": resending.letter.body}
        if not resending.names_itself:
            entry["MessageAttributes"] = _attributes(**{KNOWN_AS: resending.name})
        if self._queue.fifo:
            entry["MessageGroupId"] = group_id(resending.letter.ordering_key or resending.name)
            entry["MessageDeduplicationId"] = deduplication_id(resending.name, sending=resending.sending)
        elif resending.tenant is not None:
            entry["MessageGroupId"] = group_id(resending.tenant)
        return entry

    def _sending_to(self, url: str, pause: Callable[[float], None]) -> Sending:
        def call(entries: Sequence[dict[str, Any]]) -> Iterable[Any]:
            answer = self._client.send_message_batch(QueueUrl=url, Entries=entries)  # type: ignore[arg-type]  # built as dicts
            return answer.get("Failed", [])

        return Sending(call, ordered=self._queue.fifo, most_bytes=MAX_MESSAGE_BYTES, pause=pause)

    def _entry(self, message: Message[bytes]) -> dict[str, Any]:
        return new_entry(self._queue, message, body="MessageBody", most_bytes=MAX_MESSAGE_BYTES)

    def _checked_delay(self, delay: timedelta) -> int:
        # Whole seconds, and never early.
        seconds = math.ceil(delay.total_seconds())
        if not 0 <= seconds <= MAX_DELAY_SECONDS:
            raise InvalidMessage(
                f"{self._queue.name}: a delay of {seconds} s is outside 0 to {MAX_DELAY_SECONDS}"
            )
        if seconds and self._queue.fifo:
            raise InvalidMessage(
                f"{self._queue.name} is ordered: SQS delays no single message of a FIFO queue"
            )
        return seconds

    def _hide(self, waiting: Sequence[tuple[Settled, int]]) -> None:
        for some in chunks(waiting, MOST_ENTRIES):
            try:
                answer = self._client.change_message_visibility_batch(
                    QueueUrl=self._url,
                    Entries=[
                        {
                            "Id": str(index),
                            "ReceiptHandle": each.delivery.receipt,
                            "VisibilityTimeout": seconds,
                        }
                        for index, (each, seconds) in enumerate(some)
                    ],
                )
            except (BotoCoreError, ClientError) as error:
                self._tell_unhidden([each for each, _ in some], str(error))
                continue
            for failure in answer.get("Failed", []):
                self._tell_unhidden([some[int(failure["Id"])][0]], told(failure))

    def _tell_undeleted(self, deliveries: Sequence[Delivery], error: str) -> None:
        for each in deliveries:
            self._log(
                Action.TROUBLE,
                what="a message that is done comes back, and is found done",
                queue=self._queue.name,
                message_id=each.id,
                error_message=error,
            )

    def _tell_unhidden(self, settled: Sequence[Settled], error: str) -> None:
        # They come back all the same, after the visibility timeout instead of their own wait.
        for each in settled:
            self._log(
                Action.TROUBLE,
                what="the message waits for its whole visibility timeout",
                queue=self._queue.name,
                message_id=each.message.id if each.message else each.delivery.id,
                error_message=error,
            )


def _attributes(**values: str | None) -> dict[str, Any]:
    return {
        name: {"DataType": "String", "StringValue": _REFUSED.sub("\ufffd", value)[:LONGEST_ERROR]}
        for name, value in values.items()
        if value
    }
