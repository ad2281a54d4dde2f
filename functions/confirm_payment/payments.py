"""The table of payments, from the side that knows what was paid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from headworks.stores import asking, condition_met
from pipeline.payments import Payment

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_dynamodb import DynamoDBClient

    from pipeline.payloads import Money


class Payments:
    """Payments as `Payment` has them: this side confirms them."""

    def __init__(self, client: DynamoDBClient, *, table: str) -> None:
        self._client = client
        self._table = table

    def confirm(self, intent: str, paid: Money, *, event_id: str, at: datetime) -> Payment:
        """Write down what was paid, unless that is known; answers what is known then.

        Raises `Unavailable`.
        """
        with asking("the table of payments"):
            try:
                answer = self._client.update_item(
                    TableName=self._table,
                    Key={"id": {"S": intent}},
                    UpdateExpression="SET paid = :paid, event_id = :event, confirmed_at = :at",
                    ConditionExpression="attribute_not_exists(paid)",
                    ExpressionAttributeValues={
                        ":paid": {"S": str(paid)},
                        ":event": {"S": event_id},
                        ":at": {"S": at.isoformat()},
                    },
                    ReturnValues="ALL_NEW",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ClientError as error:
                return Payment.of(condition_met(error))
        return Payment.of(answer["Attributes"])
