"""Lambda's side of an invocation: SQS batches and contexts, as AWS shapes them."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import md5
from typing import TYPE_CHECKING, Any

from headworks.testing.clock import NEW_YEAR

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


@dataclass
class FakeContext:
    """Lambda's context with as much time left as the test says."""

    remaining_ms: int | Callable[[], int] = 300_000
    function_name: str = "consumer"
    function_version: str = "$LATEST"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:000000000000:function:consumer"
    aws_request_id: str = field(default="00000000-0000-0000-0000-000000000000")

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms if isinstance(self.remaining_ms, int) else self.remaining_ms()


def sqs_record(
    body: str,
    *,
    message_id: str = "m1",
    receive_count: int = 1,
    sent_at: datetime = NEW_YEAR,
    queue: str = "queue",
    **attributes: str,
) -> dict[str, Any]:
    """One record of an SQS batch; further attributes (`MessageGroupId`, ...) by their AWS names."""
    sent = str(int(sent_at.timestamp() * 1000))
    return {
        "messageId": message_id,
        "receiptHandle": f"receipt-{message_id}-{receive_count}",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": str(receive_count),
            "SentTimestamp": sent,
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": sent,
            **attributes,
        },
        "messageAttributes": {},
        "md5OfBody": md5(body.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:us-east-1:000000000000:{queue}",
        "awsRegion": "us-east-1",
    }


def sqs_event(*records: dict[str, Any]) -> dict[str, Any]:
    """A batch."""
    return {"Records": list(records)}
