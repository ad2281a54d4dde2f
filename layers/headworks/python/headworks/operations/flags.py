"""Flags: what is paused, on record in the ledger's table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import ClientError

from headworks.ledger.layout import Attributes, milliseconds, read_time, seconds, string
from headworks.operations.control import Pause
from headworks.stores import asking, change_item, condition_met, read_items

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from mypy_boto3_dynamodb import DynamoDBClient

    from headworks.ledger.catalogue import Address

FLAGS = "the record of pauses"
# How long after its end nobody is alarmed about old messages.
EXCUSED_FOR = timedelta(minutes=30)
# How long after its end a pause is remembered.
REMEMBERED_FOR = timedelta(days=1)


class Phase(StrEnum):
    """Where a pause stands.  A source that was paused is `resuming` until what was kept back has been let go."""

    PAUSED = "paused"
    RESUMING = "resuming"
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A pause, and when it was ended."""

    pause: Pause
    phase: Phase = Phase.PAUSED
    resumed_at: datetime | None = None

    @property
    def is_up(self) -> bool:
        """Whether it is paused now."""
        return self.phase is Phase.PAUSED

    def excuses(self, now: datetime) -> bool:
        """Whether messages are old for its sake: it is paused, or what lay there meanwhile is being worked off."""
        return self.is_up or (self.resumed_at is not None and now < self.resumed_at + EXCUSED_FOR)


def of_consumer(address: Address) -> str:
    """The name of a consumer's flag."""
    return f"pause#{address.queue}/{address.consumer}"


def of_source(source: str) -> str:
    """The name of a source's flag."""
    return f"pause#source#{source}"


class Flags(Protocol):
    """Who keeps flags.  Every method raises `Unavailable` when its store doesn't answer."""

    def read(self, names: Collection[str]) -> Mapping[str, Flag]:
        """The flags of these names that there are, also of pauses that are over."""

    def put_up(self, name: str, pause: Pause) -> Flag:
        """Put one up, and answer the one that is up: the earlier pause's, if it is paused already."""

    def take_down(self, name: str, *, phase: Phase, at: datetime) -> bool:
        """End a pause; false if nothing was paused."""

    def finish(self, name: str, *, resumed_at: datetime) -> bool:
        """What was kept back by then has been let go; false if it isn't resuming, or resumed anew since."""


class DynamoDBFlags:
    """Items of the ledger's table that no key's item can be mistaken for: they have no `state`.

    Item: `id` (the flag's name), `since` (milliseconds), `by`, `reason`, `phase`, `resumed_at` (milliseconds),
    and of a pause that is over `expiration` (TTL, seconds).
    """

    def __init__(self, client: DynamoDBClient, *, table: str) -> None:
        self._client = client
        self._table = table

    def read(self, names: Collection[str]) -> Mapping[str, Flag]:
        found = read_items(self._client, FLAGS, self._table, names)
        return {item["id"]["S"]: _read(item) for item in found}

    def put_up(self, name: str, pause: Pause) -> Flag:
        item = {
            "id": string(name),
            "since": milliseconds(pause.since),
            "by": string(pause.by),
            "phase": string(Phase.PAUSED),
        }
        if pause.reason is not None:
            item["reason"] = string(pause.reason)
        with asking(FLAGS):
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item=item,
                    ConditionExpression="attribute_not_exists(id) OR phase <> :paused",
                    ExpressionAttributeValues={":paused": string(Phase.PAUSED)},
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ClientError as error:
                return _read(condition_met(error))
        return _read(item)

    def take_down(self, name: str, *, phase: Phase, at: datetime) -> bool:
        sets = {"phase": string(phase), "resumed_at": milliseconds(at), **_forgotten(phase, at)}
        return self._change(name, sets, "#phase = :was", {":was": string(Phase.PAUSED)})

    def finish(self, name: str, *, resumed_at: datetime) -> bool:
        sets = {"phase": string(Phase.OVER), **_forgotten(Phase.OVER, resumed_at)}
        values = {":was": string(Phase.RESUMING), ":at": milliseconds(resumed_at)}
        return self._change(name, sets, "#phase = :was AND #resumed_at = :at", values)

    def _change(self, name: str, sets: Attributes, condition: str, values: Attributes) -> bool:
        changed = change_item(
            self._client, FLAGS, self._table, name, sets=sets, condition=condition, values=values
        )
        return changed is not None


def _forgotten(phase: Phase, at: datetime) -> Attributes:
    return {"expiration": seconds(at + REMEMBERED_FOR)} if phase is Phase.OVER else {}


def _read(item: Mapping[str, Any]) -> Flag:
    return Flag(
        pause=Pause(
            since=read_time(item["since"]),
            by=item["by"]["S"],
            reason=item["reason"]["S"] if "reason" in item else None,
        ),
        phase=Phase(item["phase"]["S"]),
        resumed_at=read_time(item["resumed_at"]) if "resumed_at" in item else None,
    )
