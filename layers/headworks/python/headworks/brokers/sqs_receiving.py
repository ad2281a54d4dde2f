"""Receiving from SQS, where Lambda doesn't do it for us."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from headworks.brokers.record import delivery_of
from headworks.errors import Unavailable
from headworks.operations.taking import record_of
from headworks.stores import asking

if TYPE_CHECKING:
    from datetime import timedelta

    from mypy_boto3_sqs import SQSClient

    from headworks.brokers.broker import Delivery

QUEUE = "the queue"
# ReceiveMessage.
MOST_AT_ONCE = 10


class SqsReceiver:
    """One consumer's queue, polled.  Its client must wait for answers longer than a poll takes."""

    def __init__(self, client: SQSClient, *, url: str) -> None:
        self._client = client
        self._url = url
        self._arn: str | None = None

    def receive(self, most: int, *, poll: timedelta, hidden_for: timedelta) -> list[Delivery]:
        """Up to `most` messages; waits up to `poll`, in whole seconds, for the first.

        Nobody else is handed them for `hidden_for`, in whole seconds, too.

        Raises `Unavailable`: only where nothing was received.
        """
        seconds = int(poll.total_seconds())
        with asking(QUEUE):
            arn = self._arn or self._find_arn()
            received = self._receive(most, seconds, hidden_for)
        while len(received) % MOST_AT_ONCE == 0 and 0 < len(received) < most:
            more = self._more(most - len(received), hidden_for)
            if not more:
                break
            received += more
        return [delivery_of(record_of(message, arn)) for message in received]

    def _more(self, most: int, hidden_for: timedelta) -> list[Any]:
        """What else is there at once.  Trouble with that is no reason to lose what came before."""
        with suppress(Unavailable), asking(QUEUE):
            return self._receive(most, 0, hidden_for)
        return []

    def _receive(self, most: int, seconds: int, hidden_for: timedelta) -> list[Any]:
        answer = self._client.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=min(most, MOST_AT_ONCE),
            AttributeNames=["All"],
            MessageAttributeNames=["All"],
            WaitTimeSeconds=seconds,
            VisibilityTimeout=math.ceil(hidden_for.total_seconds()),
        )
        return list(answer.get("Messages", []))

    def _find_arn(self) -> str:
        answer = self._client.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])
        self._arn = answer["Attributes"]["QueueArn"]
        return self._arn
