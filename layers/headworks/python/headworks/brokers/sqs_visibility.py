"""Keeping what was received from SQS out of others' sight."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from headworks.brokers.sending import MOST_ENTRIES
from headworks.chunks import chunks
from headworks.stores import asking

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from mypy_boto3_sqs import SQSClient

    from headworks.brokers.broker import Delivery

QUEUE = "the queue"


class SqsVisibility:
    """One consumer's queue, as far as it hides what it has handed out.  For any thread."""

    def __init__(self, client: SQSClient, *, url: str) -> None:
        self._client = client
        self._url = url

    def hide(self, deliveries: Sequence[Delivery], lasts: timedelta) -> frozenset[str]:
        """Hide them for so long from now, in whole seconds; the receipts of those that can't be.

        SQS refuses what is visible again or gone.  Raises `Unavailable`.
        """
        seconds = math.ceil(lasts.total_seconds())
        refused: set[str] = set()
        for some in chunks(deliveries, MOST_ENTRIES):
            entries = [
                {"Id": str(n), "ReceiptHandle": each.receipt, "VisibilityTimeout": seconds}
                for n, each in enumerate(some)
            ]
            with asking(QUEUE):
                answer = self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)  # type: ignore[arg-type]  # built as dicts
            refused.update(
                some[int(each["Id"])].receipt for each in answer.get("Failed", []) if each["SenderFault"]
            )
        return frozenset(refused)
