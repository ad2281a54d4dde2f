"""The stock as orders leave it: a projection, each order applied once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headworks.stores import write_together

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

_WHAT = "the table of the inventory"


class Inventory:
    """Pieces by article.

    Item `sku#<sku>`: `sold`, and `available`, which whoever puts pieces on the shelf adds to.
    Item `order#<order id>`: that the order was applied; it stays for good, since a dead
    letter may be replayed at any time.
    """

    def __init__(self, client: DynamoDBClient, *, table: str) -> None:
        self._client = client
        self._table = table

    def take(self, order_id: str, pieces: Mapping[str, int]) -> bool:
        """Count an order's pieces as sold, all or none; false if that was done before.

        Raises `Unavailable`, also where another order of the same article came in between.
        """
        writes = [self._mark(order_id), *(self._sale(sku, count) for sku, count in pieces.items())]
        return write_together(self._client, _WHAT, writes)

    def _mark(self, order_id: str) -> TransactWriteItemTypeDef:
        return {
            "Put": {
                "TableName": self._table,
                "Item": {"id": {"S": f"order#{order_id}"}},
                "ConditionExpression": "attribute_not_exists(id)",
            }
        }

    def _sale(self, sku: str, count: int) -> TransactWriteItemTypeDef:
        return {
            "Update": {
                "TableName": self._table,
                "Key": {"id": {"S": f"sku#{sku}"}},
                "UpdateExpression": "ADD sold :count, available :taken",
                "ExpressionAttributeValues": {":count": {"N": str(count)}, ":taken": {"N": str(-count)}},
            }
        }
