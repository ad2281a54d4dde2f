"""Powertools' persistence layer with what it leaves open closed: owners are told apart.

`idempotent_function` works with it as with Powertools' own; an owner whose lease ran out
can neither overwrite nor release the lease of the next one, and a write whose reply was
lost recognises its own echo.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyItemAlreadyExistsError
from botocore.exceptions import ClientError

from headworks.errors import InvalidDeclaration
from headworks.ledger import layout
from headworks.stores import condition_met

if TYPE_CHECKING:
    from datetime import timedelta

    from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import DataRecord
    from mypy_boto3_dynamodb import DynamoDBClient

_MAY_START = (
    "attribute_not_exists(#id) OR #expiration < :now OR "
    "(#status = :in_progress AND attribute_exists(#ends) AND #ends < :now_ms)"
)
_NAMES = {
    "#id": "id",
    "#expiration": "expiration",
    "#status": "status",
    "#ends": "in_progress_expiration",
}
_OWNED = {"#owner": "owner"}


class FencedPersistenceLayer(DynamoDBPersistenceLayer):
    """One consumer's idempotency records: SHA-256, a key is a must, one prefix for good."""

    def __init__(self, prefix: str, client: DynamoDBClient, *, table: str, remembered_for: timedelta) -> None:
        super().__init__(table_name=table, boto3_client=client)
        self._owners: dict[str, str] = {}
        super().configure(
            IdempotencyConfig(
                hash_function="sha256",
                raise_on_no_idempotency_key=True,
                expires_after_seconds=int(remembered_for.total_seconds()),
            ),
            key_prefix=prefix,
        )

    def configure(
        self, config: IdempotencyConfig, function_name: str | None = None, key_prefix: str | None = None
    ) -> None:
        """Keep the configuration it was made with: Powertools would take over each function's prefix.

        Raises `InvalidDeclaration` for a function that wants its keys made another way.
        """
        if key_prefix or config.event_key_jmespath or config.payload_validation_jmespath:
            raise InvalidDeclaration(
                f"{function_name}: the keys of {self.function_name} are made in one way; give the function the key itself"
            )

    def identity(self, key: str) -> str:
        """The item id of an idempotency key."""
        return layout.identity(self.function_name, key)

    def _put_record(self, data_record: DataRecord) -> None:
        owner = uuid4().hex
        now = datetime.now().timestamp()  # noqa: DTZ005 - Powertools' own clock, as a timestamp
        item: dict[str, Any] = {
            "id": {"S": data_record.idempotency_key},
            "expiration": {"N": str(data_record.expiry_timestamp)},
            "status": {"S": data_record.status},
            "owner": {"S": owner},
        }
        if data_record.in_progress_expiry_timestamp is not None:
            item["in_progress_expiration"] = {"N": str(data_record.in_progress_expiry_timestamp)}
        try:
            self.client.put_item(
                TableName=self.table_name,
                Item=item,
                ConditionExpression=_MAY_START,
                ExpressionAttributeNames=_NAMES,
                ExpressionAttributeValues={
                    ":now": {"N": str(int(now))},
                    ":now_ms": {"N": str(int(now * 1000))},
                    ":in_progress": {"S": "INPROGRESS"},
                },
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            existing = condition_met(error)
            if existing.get("owner") != item["owner"]:
                raise IdempotencyItemAlreadyExistsError(
                    old_data_record=self._item_to_data_record(existing) if existing else None
                ) from error
        self._owners[data_record.idempotency_key] = owner

    def _update_record(self, data_record: DataRecord) -> None:
        owner = self._owners.pop(data_record.idempotency_key, "")
        try:
            self.client.update_item(
                TableName=self.table_name,
                Key={"id": {"S": data_record.idempotency_key}},
                UpdateExpression="SET #data = :data, #expiration = :expiration, #status = :status",
                ConditionExpression="#owner = :owner",
                ExpressionAttributeNames={
                    **_OWNED,
                    "#data": "data",
                    "#expiration": "expiration",
                    "#status": "status",
                },
                ExpressionAttributeValues={
                    ":owner": {"S": owner},
                    ":data": {"S": data_record.response_data},
                    ":expiration": {"N": str(data_record.expiry_timestamp)},
                    ":status": {"S": data_record.status},
                },
            )
        except ClientError as error:
            condition_met(error)

    def _delete_record(self, data_record: DataRecord) -> None:
        owner = self._owners.pop(data_record.idempotency_key, "")
        try:
            self.client.delete_item(
                TableName=self.table_name,
                Key={"id": {"S": data_record.idempotency_key}},
                ConditionExpression="#owner = :owner",
                ExpressionAttributeNames=_OWNED,
                ExpressionAttributeValues={":owner": {"S": owner}},
            )
        except ClientError as error:
            condition_met(error)
