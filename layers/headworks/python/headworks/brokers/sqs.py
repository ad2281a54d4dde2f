"""The broker of Amazon SQS."""

from __future__ import annotations

import hashlib
import re
import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from headworks import outcome
from headworks.brokers.broker import NO_DELAY, Sent
from headworks.chunks import chunks
from headworks.errors import InvalidMessage, excerpt
from headworks.message import encode
from headworks.queue import MAX_MESSAGE_BYTES
from headworks.telemetry import Action

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import timedelta

    from mypy_boto3_sqs import SQSClient

    from headworks.brokers.broker import Settled
    from headworks.message import Message
    from headworks.queue import Queue
    from headworks.telemetry import Log

# SendMessageBatch and ChangeMessageVisibilityBatch take ten entries; a call's bodies and
# attributes together are bound like a single message (Amazon SQS quotas).
MOST_ENTRIES = 10
MAX_DELAY_SECONDS = 900
ROUNDS = 3
FIRST_PAUSE_SECONDS = 0.05
LONGEST_ERROR = 1000
UNKEPT_SECONDS = 30

_GROUP = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")
# What SQS refuses in a body or an attribute: all but these may travel (SendMessage, MessageBody).
_REFUSED = re.compile("[^\u0009\u000a\u000d\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class SqsBroker:
    """One queue on SQS, with its dead-letter queue.

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
        self._dead_letter_url = dead_letter_url
        self._log = log
        self._pause = pause

    def send(self, messages: Sequence[Message[bytes]], *, delay: timedelta = NO_DELAY) -> list[Sent]:
        """See `Broker.send`.  A delay is at most 15 minutes, and none on FIFO: it would hold up its whole group."""
        seconds = self._checked_delay(delay)
        entries = [self._entry(message, seconds) for message in messages]
        errors = self._send_all(self._url, entries)
        return [
            Sent(message_id=message.id, error=error) for message, error in zip(messages, errors, strict=True)
        ]

    def settle(self, settled: Sequence[Settled]) -> frozenset[str]:
        waiting: list[tuple[Settled, int]] = []
        dead: list[Settled] = []
        for each in settled:
            match each.outcome:
                case outcome.Retry(after=after) | outcome.Defer(after=after):
                    waiting.append((each, int(after.total_seconds())))
                case outcome.Dead():
                    dead.append(each)
        waiting += [(each, UNKEPT_SECONDS) for each in self._keep_dead(dead)]
        self._hide(waiting)
        return frozenset(each.delivery.id for each, _ in waiting)

    def bury(self, message: Message[bytes], *, reason: str, error: str) -> Sent:
        entry = self._entry(message, 0)
        entry["MessageAttributes"] = _attributes(
            reason=reason, error=error, message_id=message.id, first_sent_at=message.time.isoformat()
        )
        [trouble] = self._send_all(self._dead_letter_url, [entry])
        return Sent(message_id=message.id, error=trouble)

    def _entry(self, message: Message[bytes], delay_seconds: int) -> dict[str, Any]:
        body = encode(message)
        if (size := len(body.encode())) > MAX_MESSAGE_BYTES:
            raise InvalidMessage(
                f"{self._queue.name}: a message of {size:,} bytes is over SQS's {MAX_MESSAGE_BYTES:,}"
            )
        entry: dict[str, Any] = {"MessageBody": body}
        if delay_seconds:
            entry["DelaySeconds"] = delay_seconds
        if self._queue.fifo:
            if message.ordering_key is None:
                raise InvalidMessage(f"{self._queue.name} is ordered: a message needs an ordering key")
            entry["MessageGroupId"] = _group(message.ordering_key)
            entry["MessageDeduplicationId"] = _deduplication_id(message.id)
        elif message.tenant is not None:
            entry["MessageGroupId"] = _group(message.tenant)
        return entry

    def _checked_delay(self, delay: timedelta) -> int:
        seconds = int(delay.total_seconds())
        if not 0 <= seconds <= MAX_DELAY_SECONDS:
            raise InvalidMessage(
                f"{self._queue.name}: a delay of {seconds} s is outside 0 to {MAX_DELAY_SECONDS}"
            )
        if seconds and self._queue.fifo:
            raise InvalidMessage(
                f"{self._queue.name} is ordered: SQS delays no single message of a FIFO queue"
            )
        return seconds

    def _keep_dead(self, dead: Sequence[Settled]) -> list[Settled]:
        """Send what is dead to the dead-letter queue; answer with what couldn't be kept there."""
        errors = self._send_all(self._dead_letter_url, [self._dead_entry(each) for each in dead])
        return [each for each, error in zip(dead, errors, strict=True) if error is not None]

    def _dead_entry(self, settled: Settled) -> dict[str, Any]:
        delivery, message = settled.delivery, settled.message
        verdict = settled.outcome
        error = verdict.error if isinstance(verdict, outcome.Dead) else None
        entry: dict[str, Any] = {
            "MessageBody": delivery.body,
            "MessageAttributes": _attributes(
                reason=verdict.reason if isinstance(verdict, outcome.Dead) else None,
                error_type=type(error).__name__ if error else None,
                error=str(error) if error else None,
                attempt=str(settled.attempt),
                message_id=message.id if message else delivery.id,
                first_sent_at=delivery.sent_at.isoformat(),
            ),
        }
        if self._queue.fifo:
            entry["MessageGroupId"] = _group(delivery.ordering_key or delivery.id)
            entry["MessageDeduplicationId"] = _deduplication_id(f"dead {delivery.id}")
        return entry

    def _send_all(self, url: str, entries: Sequence[dict[str, Any]]) -> list[str | None]:
        """Each entry's error, or none, in the order of the input."""
        errors: list[str | None] = [None] * len(entries)
        lost_groups: set[str] = set()
        for call in self._calls(entries):
            sendable = [index for index in call if self._ordered_group(entries[index]) not in lost_groups]
            for index in set(call) - set(sendable):
                errors[index] = "an earlier message of its ordering key isn't on the queue"
            for index, error in self._send_call(url, {index: entries[index] for index in sendable}).items():
                errors[index] = error
                if (group := self._ordered_group(entries[index])) is not None:
                    lost_groups.add(group)
        return errors

    def _send_call(self, url: str, entries: dict[int, dict[str, Any]]) -> dict[int, str]:
        """Send up to ten entries; the failed ones alone again.  Answers with the errors that remain."""
        errors: dict[int, str] = {}
        pending = entries
        for round_number in range(ROUNDS):
            if not pending:
                break
            if round_number:
                self._pause(FIRST_PAUSE_SECONDS * 2**round_number)
            try:
                answer = self._client.send_message_batch(
                    QueueUrl=url,
                    Entries=[{"Id": str(index), **entry} for index, entry in pending.items()],  # type: ignore[typeddict-item]  # built as dicts
                )
            except (BotoCoreError, ClientError) as error:
                # botocore has tried again already.
                return errors | dict.fromkeys(pending, str(error))
            failed = {int(failure["Id"]): failure for failure in answer.get("Failed", [])}
            for sent in pending.keys() - failed.keys():
                errors.pop(sent, None)
            errors |= {index: _failure(failure) for index, failure in failed.items()}
            pending = {
                index: pending[index] for index, failure in failed.items() if not failure["SenderFault"]
            }
        return errors

    def _calls(self, entries: Sequence[dict[str, Any]]) -> Iterable[list[int]]:
        """Indices by call: ten entries, 1 MiB, and on FIFO one message an ordering key, or a partial failure reorders."""
        waiting = list(range(len(entries)))
        while waiting:
            call: list[int] = []
            left: list[int] = []
            closed: set[str | None] = set()
            room = MAX_MESSAGE_BYTES
            for index in waiting:
                group, size = self._ordered_group(entries[index]), _size(entries[index])
                fits = len(call) < MOST_ENTRIES and (size <= room or not call)
                if fits and (group is None or group not in closed):
                    call.append(index)
                    room -= size
                else:
                    left.append(index)
                closed.add(group)
            yield call
            waiting = left

    def _ordered_group(self, entry: dict[str, Any]) -> str | None:
        return entry["MessageGroupId"] if self._queue.fifo else None

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
                self._tell_unhidden([some[int(failure["Id"])][0]], _failure(failure))

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


def _size(entry: dict[str, Any]) -> int:
    attributes = entry.get("MessageAttributes", {})
    return len(entry["MessageBody"].encode()) + sum(
        len(name.encode()) + len("String") + len(attribute["StringValue"].encode())
        for name, attribute in attributes.items()
    )


def _failure(failure: Any) -> str:
    return f"{failure.get('Code')}: {excerpt(failure.get('Message'))}"


def _group(key: str) -> str:
    """SQS's own id for an ordering key or tenant: the key, or its hash where SQS wouldn't take it."""
    return key if _GROUP.fullmatch(key) else hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _deduplication_id(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
