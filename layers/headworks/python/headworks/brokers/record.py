"""An SQS message as Lambda hands it over, read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from headworks.brokers.broker import Delivery

if TYPE_CHECKING:
    from collections.abc import Mapping

# The message attribute that names a message whose body doesn't.
KNOWN_AS = "headworks_id"


def delivery_of(record: Mapping[str, Any]) -> Delivery:
    """The delivery that a record stands for."""
    attributes = record["attributes"]
    return Delivery(
        id=record["messageId"],
        body=record["body"],
        receipt=record["receiptHandle"],
        receive_count=int(attributes["ApproximateReceiveCount"]),
        sent_at=datetime.fromtimestamp(int(attributes["SentTimestamp"]) / 1000, UTC),
        ordering_key=attributes.get("MessageGroupId"),
        trace_header=attributes.get("AWSTraceHeader"),
        known_as=record.get("messageAttributes", {}).get(KNOWN_AS, {}).get("stringValue"),
        record=record,
    )
