"""Taking messages off a queue by hand: received, deleted, given back."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from headworks.chunks import chunks
from headworks.stores import asking

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import timedelta

    from mypy_boto3_sqs import SQSClient

    from headworks.operations.directory import Place

# ReceiveMessage, DeleteMessageBatch and ChangeMessageVisibilityBatch take so many.
MOST_AT_ONCE = 10
# A short look asks a sample of SQS's servers; a long one asks all of them.
LONG_LOOK_SECONDS = 1
QUEUE = "the queue"


class Hand:
    """Takes from one consumer's queue.  Every method raises `Unavailable`."""

    def __init__(self, client: SQSClient, place: Place) -> None:
        self._client = client
        self._place = place

    def receive(self, most: int, *, hides_for: timedelta | None = None) -> list[dict[str, Any]]:
        """Up to so many messages, at most ten, as records of a Lambda event; hidden so long, or as the queue says."""
        hidden = {} if hides_for is None else {"VisibilityTimeout": int(hides_for.total_seconds())}
        with asking(QUEUE):
            answer = self._client.receive_message(
                QueueUrl=self._place.url,
                MaxNumberOfMessages=min(most, MOST_AT_ONCE),
                AttributeNames=["All"],
                MessageAttributeNames=["All"],
                WaitTimeSeconds=LONG_LOOK_SECONDS,
                **hidden,  # type: ignore[arg-type]  # one optional parameter
            )
        return [record_of(message, self._place.arn) for message in answer.get("Messages", [])]

    def delete(self, records: Iterable[Mapping[str, Any]]) -> int:
        """Delete these; how many were."""
        deleted = 0
        for some in chunks(records, MOST_AT_ONCE):
            entries: Any = [
                {"Id": str(n), "ReceiptHandle": each["receiptHandle"]} for n, each in enumerate(some)
            ]
            with asking(QUEUE):
                answer = self._client.delete_message_batch(QueueUrl=self._place.url, Entries=entries)
            deleted += len(some) - len(answer.get("Failed", []))
        return deleted

    def give_back(self, records: Iterable[Mapping[str, Any]]) -> None:
        """Let others have these at once; one that can't be given back comes when it stops hiding."""
        for some in chunks(records, MOST_AT_ONCE):
            entries: Any = [
                {"Id": str(n), "ReceiptHandle": each["receiptHandle"], "VisibilityTimeout": 0}
                for n, each in enumerate(some)
            ]
            with asking(QUEUE):
                self._client.change_message_visibility_batch(QueueUrl=self._place.url, Entries=entries)

    def in_flight(self) -> int:
        """How many messages somebody has, or are hidden until their next attempt."""
        with asking(QUEUE):
            answer = self._client.get_queue_attributes(
                QueueUrl=self._place.url, AttributeNames=["ApproximateNumberOfMessagesNotVisible"]
            )
        return int(answer["Attributes"]["ApproximateNumberOfMessagesNotVisible"])


def record_of(message: Mapping[str, Any], arn: str) -> dict[str, Any]:
    """A received message as Lambda would hand it over."""
    record: dict[str, Any] = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": dict(message.get("Attributes", {})),
        "messageAttributes": {
            name: _attribute(value) for name, value in message.get("MessageAttributes", {}).items()
        },
        "md5OfBody": message.get("MD5OfBody", ""),
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": arn.split(":")[3],
    }
    if "MD5OfMessageAttributes" in message:
        record["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
    return record


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    attribute: dict[str, Any] = {
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": value["DataType"],
    }
    if "StringValue" in value:
        attribute["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        attribute["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    return attribute
