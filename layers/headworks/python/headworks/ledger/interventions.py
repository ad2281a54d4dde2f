"""What operators do to a consumer's items beside replaying: letting go what was kept back, withdrawing what is purged."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import ClientError

from headworks.clock import SystemClock
from headworks.errors import Unavailable
from headworks.ledger import layout
from headworks.ledger.layout import milliseconds, seconds, string
from headworks.ledger.ledger import State
from headworks.stores import asking, condition_met, read_items

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from mypy_boto3_dynamodb import DynamoDBClient

    from headworks.clock import Clock
    from headworks.ledger.memory import MemoryLedger
    from headworks.queue import Queue

LEDGER = "the ledger"


class Interventions(Protocol):
    """One consumer's.  Every method raises `Unavailable` when its store doesn't answer."""

    def let_go(self, key: str, *, was_due: datetime, due: datetime) -> bool:
        """Make what waits until `was_due` due at another time; false where it doesn't wait for that any more."""

    def states(self, keys: Collection[str]) -> Mapping[str, State]:
        """The states of those of these keys that the ledger knows."""

    def withdraw(self, key: str) -> bool:
        """Forget a key whose message failed before and is being deleted; false where it isn't to be tried again."""


class DynamoDBInterventions:
    """One consumer's items in the table."""

    def __init__(
        self,
        queue: Queue,
        consumer: str,
        client: DynamoDBClient,
        *,
        table: str,
        clock: Clock | None = None,
    ) -> None:
        self._list = f"{queue.name}/{consumer}"
        self._remembered_for = queue.memory_of_keys
        self._client = client
        self._table = table
        self._clock = clock or SystemClock()

    def let_go(self, key: str, *, was_due: datetime, due: datetime) -> bool:
        identity = layout.identity(self._list, key)
        forgotten = seconds(max(self._clock.now(), due) + self._remembered_for)
        with asking(LEDGER):
            # The body first: done again, it is the same.
            self._update(
                layout.body_id(identity),
                "SET expiration = :forgotten",
                "attribute_exists(id) AND attribute_not_exists(#state)",
                {":forgotten": forgotten},
            )
            return self._update(
                identity,
                "SET due = :due, listed_at = :due, expiration = :forgotten",
                "#state = :waiting AND due = :was_due",
                {
                    ":due": milliseconds(due),
                    ":was_due": milliseconds(was_due),
                    ":forgotten": forgotten,
                    ":waiting": string(State.WAITING),
                },
            )

    def states(self, keys: Collection[str]) -> Mapping[str, State]:
        by_identity = {layout.identity(self._list, key): key for key in keys}
        found = read_items(self._client, LEDGER, self._table, by_identity, only=("id", "state"))
        return {by_identity[item["id"]["S"]]: State(item["state"]["S"]) for item in found}

    def withdraw(self, key: str) -> bool:
        with asking(LEDGER):
            try:
                self._client.delete_item(
                    TableName=self._table,
                    Key={"id": string(layout.identity(self._list, key))},
                    ConditionExpression="#state = :retrying",
                    ExpressionAttributeNames={"#state": "state"},
                    ExpressionAttributeValues={":retrying": string(State.RETRYING)},
                )
            except ClientError as error:
                condition_met(error)
                return False
        return True

    def _update(
        self,
        identity: str,
        expression: str,
        condition: str,
        values: Mapping[str, Any],
    ) -> bool:
        try:
            self._client.update_item(
                TableName=self._table,
                Key={"id": string(identity)},
                UpdateExpression=expression,
                ConditionExpression=condition,
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues=dict(values),
            )
        except ClientError as error:
            condition_met(error)
            return False
        return True


class MemoryInterventions:
    """One consumer's ledger in memory."""

    def __init__(self, ledger: MemoryLedger) -> None:
        self._ledger = ledger

    def let_go(self, key: str, *, was_due: datetime, due: datetime) -> bool:
        self._check()
        item = self._ledger.items.get(key)
        if item is None or item.state is not State.WAITING or item.due != was_due:
            return False
        self._ledger.items[key] = replace(item, due=due)
        self._ledger.listed_at[key] = due
        return True

    def states(self, keys: Collection[str]) -> Mapping[str, State]:
        self._check()
        return {key: self._ledger.items[key].state for key in keys if key in self._ledger.items}

    def withdraw(self, key: str) -> bool:
        self._check()
        item = self._ledger.items.get(key)
        if item is None or item.state is not State.RETRYING:
            return False
        del self._ledger.items[key]
        self._ledger.listed_at.pop(key, None)
        return True

    def _check(self) -> None:
        if self._ledger.down:
            raise Unavailable(LEDGER, "down")
