"""What the edge has accepted: remembered after the send, never before.

A crash between the two costs a duplicate, which the ledger absorbs; the other order would
lose the event for good.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from headworks.chunks import chunks
from headworks.clock import SystemClock
from headworks.errors import Unavailable
from headworks.fingerprint import bits_of, fingerprint
from headworks.stores import asking, change_item, read_items

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from mypy_boto3_dynamodb import DynamoDBClient

    from headworks.clock import Clock
    from headworks.queue import Queue

# BatchWriteItem's own limit.
MOST_WRITES = 25
ROUNDS = 3
TABLE = "the deduplication table"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """An acceptance: which message, and until when an equal key is its duplicate.

    `epoch` counts the windows that this key has had before: after its window an equal key
    is an honest repeat, with an effect of its own.  One that was `forgotten` was removed
    before everybody had it: its window ended with that, and an equal key means the same effect.
    """

    message_id: str
    accepted_at: datetime
    window_ends: datetime
    epoch: int = 0
    source: str | None = None
    type: str | None = None
    forgotten: bool = False

    def is_open(self, now: datetime) -> bool:
        """Whether an equal key is its duplicate."""
        return not self.forgotten and now < self.window_ends


def effect_key(key: str, epoch: int) -> str:
    """The idempotency key of a message: the sender's, told apart from those of earlier windows."""
    return f"{key}.{epoch}" if epoch else key


class Deduplication(Protocol):
    """The memory of one queue's edge."""

    def look_up(self, keys: Collection[str]) -> Mapping[str, Remembered]:
        """What was accepted under these keys.  Raises `Unavailable`."""

    def remember(self, accepted: Mapping[str, Remembered]) -> None:
        """Write acceptances down.  Raises `Unavailable`."""

    def forget(self, message_ids: Collection[str]) -> None:
        """These messages were removed: an equal key is new from now on, and gets the key of the effect that they had.

        What another message of the key has begun since stays as it is, and repeating the call
        changes nothing.  Raises `Unavailable`.
        """


class Sought(NamedTuple):
    """What to look for at a queue's edge: the fingerprint of a key there."""

    queue: str
    bits: int


class Acceptance(NamedTuple):
    """What a queue's edge remembers of a sender's key."""

    queue: str
    key: str
    remembered: Remembered


class Acceptances(Protocol):
    """The memory of every queue's edge, to be read."""

    def find(self, sought: Collection[Sought]) -> list[Acceptance]:
        """What was accepted under keys of these fingerprints.  Raises `Unavailable`."""


class DynamoDBDeduplication:
    """Acceptances in a table, each kept as long as a completed key is: the next epoch must be known by then.

    Item: `id` (`<queue>#<fingerprint of the key>`), `key`, `message_id`, `queue`, `source`, `type`,
    `accepted_at`, `window_ends` (ISO 8601), `epoch`, `forgotten`, `expiration` (TTL, seconds).  It is an item
    of the key that it names alone: another one of the same fingerprint is no duplicate.
    """

    def __init__(
        self, queue: Queue, client: DynamoDBClient, *, table: str, clock: Clock | None = None
    ) -> None:
        self._queue = queue
        self._client = client
        self._table = table
        self._clock = clock or SystemClock()

    def look_up(self, keys: Collection[str]) -> Mapping[str, Remembered]:
        wanted = {_item_id(Sought(self._queue.name, fingerprint(self._queue.name, key))): key for key in keys}
        found = (_acceptance(item) for item in read_items(self._client, TABLE, self._table, wanted))
        return {each.key: each.remembered for each in found if each.key in wanted.values()}

    def remember(self, accepted: Mapping[str, Remembered]) -> None:
        for some in chunks(accepted, MOST_WRITES):
            items = {item["id"]["S"]: item for item in (self._item(key, accepted[key]) for key in some)}
            self._put([{"PutRequest": {"Item": item}} for item in items.values()])

    def forget(self, message_ids: Collection[str]) -> None:
        now = self._clock.now().isoformat()
        for message_id in message_ids:
            bits = bits_of(message_id)
            if bits is not None:
                self._end_window(_item_id(Sought(self._queue.name, bits)), message_id, now)

    def _end_window(self, item_id: str, message_id: str, now: str) -> None:
        change_item(
            self._client,
            TABLE,
            self._table,
            item_id,
            sets={"window_ends": {"S": now}, "forgotten": {"BOOL": True}},
            condition="#message_id = :message_id AND attribute_not_exists(#forgotten)",
            values={":message_id": {"S": message_id}},
        )

    def _item(self, key: str, remembered: Remembered) -> dict[str, Any]:
        forgotten = max(self._clock.now(), remembered.window_ends) + self._queue.memory_of_keys
        item: dict[str, Any] = {
            "id": {"S": _item_id(Sought(self._queue.name, fingerprint(self._queue.name, key)))},
            "key": {"S": key},
            "message_id": {"S": remembered.message_id},
            "queue": {"S": self._queue.name},
            "accepted_at": {"S": remembered.accepted_at.isoformat()},
            "window_ends": {"S": remembered.window_ends.isoformat()},
            "epoch": {"N": str(remembered.epoch)},
            "expiration": {"N": str(int(forgotten.timestamp()))},
        }
        if remembered.source is not None:
            item["source"] = {"S": remembered.source}
        if remembered.type is not None:
            item["type"] = {"S": remembered.type}
        if remembered.forgotten:
            item["forgotten"] = {"BOOL": True}
        return item

    def _put(self, requests: list[Any]) -> None:
        pending: Any = {self._table: requests}
        for _ in range(ROUNDS):
            with asking(TABLE):
                answer = self._client.batch_write_item(RequestItems=pending)
            pending = answer.get("UnprocessedItems")
            if not pending:
                return
        raise Unavailable(TABLE, "writes are throttled")


class DynamoDBAcceptances:
    """Every queue's acceptances, in their one table."""

    def __init__(self, client: DynamoDBClient, *, table: str) -> None:
        self._client = client
        self._table = table

    def find(self, sought: Collection[Sought]) -> list[Acceptance]:
        ids = [_item_id(each) for each in sought]
        return [_acceptance(item) for item in read_items(self._client, TABLE, self._table, ids)]


def _item_id(sought: Sought) -> str:
    return f"{sought.queue}#{sought.bits:019x}"


def _acceptance(item: Mapping[str, Any]) -> Acceptance:
    remembered = Remembered(
        message_id=item["message_id"]["S"],
        accepted_at=datetime.fromisoformat(item["accepted_at"]["S"]),
        window_ends=datetime.fromisoformat(item["window_ends"]["S"]),
        epoch=int(item["epoch"]["N"]),
        source=item["source"]["S"] if "source" in item else None,
        type=item["type"]["S"] if "type" in item else None,
        forgotten="forgotten" in item,
    )
    return Acceptance(queue=item["queue"]["S"], key=item["key"]["S"], remembered=remembered)
