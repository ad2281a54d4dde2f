"""What the edge has accepted: remembered after the send, never before.

A crash between the two costs a duplicate, which the ledger absorbs; the other order would
lose the event for good.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import ClientError

from headworks.chunks import chunks
from headworks.clock import SystemClock
from headworks.errors import Unavailable
from headworks.stores import asking, condition_met

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from mypy_boto3_dynamodb import DynamoDBClient

    from headworks.clock import Clock
    from headworks.queue import Queue

# DynamoDB's limits of BatchGetItem and BatchWriteItem.
MOST_READS = 100
MOST_WRITES = 25
ROUNDS = 3
TABLE = "the deduplication table"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """An acceptance: which message, and until when an equal key is its duplicate.

    `epoch` counts the windows that this key has had before: after its window an equal key
    is an honest repeat, with an effect of its own.
    """

    message_id: str
    window_ends: datetime
    epoch: int = 0


def before(remembered: Remembered, now: datetime) -> Remembered | None:
    """What was known of a key before this acceptance: its earlier windows, if it had any, over by now.

    Their number must stay known, or the next acceptance gets the key of an effect that has happened.
    """
    if not remembered.epoch:
        return None
    return replace(remembered, epoch=remembered.epoch - 1, window_ends=now)


class Deduplication(Protocol):
    """The memory of one queue's edge."""

    def look_up(self, keys: Collection[str]) -> Mapping[str, Remembered]:
        """What was accepted under these keys.  Raises `Unavailable`."""

    def remember(self, accepted: Mapping[str, Remembered]) -> None:
        """Write acceptances down.  Raises `Unavailable`."""

    def forget(self, keys: Collection[str]) -> None:
        """Be as if the acceptances whose windows last had never been: an equal key is new from now on.

        It gets the key of the effect that they have had.  Raises `Unavailable`; asked again then, it is done.
        """


class DynamoDBDeduplication:
    """Acceptances in a table, each kept as long as a completed key is: the next epoch must be known by then.

    Item: `id` (`<queue>#<key>`), `message_id`, `queue`, `accepted_at`, `window_ends`
    (ISO 8601), `epoch`, `expiration` (TTL, seconds).
    """

    def __init__(
        self, queue: Queue, client: DynamoDBClient, *, table: str, clock: Clock | None = None
    ) -> None:
        self._queue = queue
        self._client = client
        self._table = table
        self._clock = clock or SystemClock()

    def look_up(self, keys: Collection[str]) -> Mapping[str, Remembered]:
        found: dict[str, Remembered] = {}
        prefix = len(self._id(""))
        for some in chunks(dict.fromkeys(keys), MOST_READS):
            for item in self._get([{"id": {"S": self._id(key)}} for key in some]):
                found[item["id"]["S"][prefix:]] = Remembered(
                    message_id=item["message_id"]["S"],
                    window_ends=datetime.fromisoformat(item["window_ends"]["S"]),
                    epoch=int(item["epoch"]["N"]),
                )
        return found

    def remember(self, accepted: Mapping[str, Remembered]) -> None:
        for some in chunks(accepted, MOST_WRITES):
            self._put([{"PutRequest": {"Item": self._item(key, accepted[key])}} for key in some])

    def forget(self, keys: Collection[str]) -> None:
        now = self._clock.now()
        for key, remembered in self.look_up(keys).items():
            if remembered.window_ends > now:
                with asking(TABLE):
                    self._forget(key, remembered, now)

    def _forget(self, key: str, remembered: Remembered, now: datetime) -> None:
        earlier = before(remembered, now)
        unchanged: Any = {
            "TableName": self._table,
            # Somebody may have accepted another message under it meanwhile.
            "ConditionExpression": "message_id = :message_id",
            "ExpressionAttributeValues": {":message_id": {"S": remembered.message_id}},
        }
        try:
            if earlier is None:
                self._client.delete_item(Key={"id": {"S": self._id(key)}}, **unchanged)
            else:
                self._client.put_item(Item=self._item(key, earlier), **unchanged)
        except ClientError as error:
            condition_met(error)

    def _item(self, key: str, remembered: Remembered) -> dict[str, Any]:
        now = self._clock.now()
        forgotten = max(now, remembered.window_ends) + self._queue.memory_of_keys
        return {
            "id": {"S": self._id(key)},
            "message_id": {"S": remembered.message_id},
            "queue": {"S": self._queue.name},
            "accepted_at": {"S": now.isoformat()},
            "window_ends": {"S": remembered.window_ends.isoformat()},
            "epoch": {"N": str(remembered.epoch)},
            "expiration": {"N": str(int(forgotten.timestamp()))},
        }

    def _id(self, key: str) -> str:
        return f"{self._queue.name}#{key}"

    def _get(self, keys: list[Any]) -> list[Any]:
        items: list[Any] = []
        pending: Any = {self._table: {"Keys": keys, "ConsistentRead": True}}
        for _ in range(ROUNDS):
            with asking(TABLE):
                answer = self._client.batch_get_item(RequestItems=pending)
            items += answer["Responses"].get(self._table, [])
            pending = answer.get("UnprocessedKeys")
            if not pending:
                return items
        raise Unavailable(TABLE, "reads are throttled")

    def _put(self, requests: list[Any]) -> None:
        pending: Any = {self._table: requests}
        for _ in range(ROUNDS):
            with asking(TABLE):
                answer = self._client.batch_write_item(RequestItems=pending)
            pending = answer.get("UnprocessedItems")
            if not pending:
                return
        raise Unavailable(TABLE, "writes are throttled")
