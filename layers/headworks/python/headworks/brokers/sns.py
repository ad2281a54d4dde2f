"""The broker of a queue with several consumers: an SNS topic, with one SQS queue for each of them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from headworks.brokers.broker import NO_DELAY, Sent
from headworks.brokers.sending import Sending, new_entry
from headworks.errors import InvalidMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from datetime import timedelta

    from mypy_boto3_sns import SNSClient

    from headworks.brokers.sqs import SqsBroker
    from headworks.message import Message
    from headworks.queue import Queue

# Amazon SNS quotas: a message, and a batch in total.
MAX_PUBLISH_BYTES = 256 * 1024


class SnsBroker:
    """Sends to every consumer; each then has retries and dead letters of its own, past the topic.

    `consumers` are their queues.
    """

    def __init__(
        self,
        queue: Queue,
        client: SNSClient,
        *,
        topic_arn: str,
        consumers: Sequence[SqsBroker],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._queue = queue
        self._client = client
        self._topic_arn = topic_arn
        self._consumers = consumers
        self._sending = Sending(self._publish, ordered=queue.fifo, most_bytes=MAX_PUBLISH_BYTES, pause=pause)

    def send(self, messages: Sequence[Message[bytes]], *, delay: timedelta = NO_DELAY) -> list[Sent]:
        """See `Sender.send`.  A topic delays nothing."""
        if delay:
            raise InvalidMessage(f"{self._queue.name} has several consumers: a topic delays no message")
        entries = [
            new_entry(self._queue, message, body="Message", most_bytes=MAX_PUBLISH_BYTES)
            for message in messages
        ]
        errors = self._sending.send(entries)
        return [Sent(message_id=each.id, error=error) for each, error in zip(messages, errors, strict=True)]

    def cancel(self, key: str) -> bool:  # noqa: ARG002 - the contract's
        """See `Sender.cancel`: SQS gives nothing back."""
        return False

    def bury(self, message: Message[bytes], *, reason: str, error: str) -> Sent:
        """Keep it among every consumer's dead letters: a replay is for each of them."""
        sent = [consumer.bury(message, reason=reason, error=error) for consumer in self._consumers]
        return next((each for each in sent if each.error), sent[0])

    def _publish(self, entries: Sequence[dict[str, Any]]) -> Iterable[Any]:
        answer = self._client.publish_batch(
            TopicArn=self._topic_arn,
            PublishBatchRequestEntries=entries,  # type: ignore[arg-type]  # built as dicts
        )
        return answer.get("Failed", [])
