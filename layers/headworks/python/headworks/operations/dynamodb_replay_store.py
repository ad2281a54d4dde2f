"""Records of replays in the ledger's table."""

from __future__ import annotations

import zlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from botocore.exceptions import ClientError

from headworks.ledger import layout
from headworks.ledger.layout import milliseconds, number, read_time, seconds, string
from headworks.operations.replay_store import Job, Progress
from headworks.operations.replays import Replay, ReplayRequest, Standing
from headworks.stores import asking, change_item, condition_met

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_dynamodb import DynamoDBClient

RECORD = "the record of replays"
# What goes on is listed under its own value of the ledger's index, beside the lists of keys.
RUNNING = "replays"
# How long after its end a replay is remembered.
REMEMBERED_FOR = timedelta(days=400)


class DynamoDBReplayStore:
    """Items that no key's item can be mistaken for: they have no `state`.

    Item: `id` (`replay#<replay's id>`), `request` (compressed JSON), `asked_at` (milliseconds), `standing`,
    `progress` (compressed JSON), `worker` and `worker_until` (milliseconds); while it goes on `listed` and
    `listed_at`, after that `ended_at` (milliseconds), `because` and `expiration` (TTL, seconds).
    """

    def __init__(self, client: DynamoDBClient, *, table: str) -> None:
        self._client = client
        self._table = table

    def create(self, replay: Replay, progress: Progress) -> Job:
        item: dict[str, Any] = {
            "id": string(_name(replay.request.id)),
            "request": _packed(replay.request),
            "asked_at": milliseconds(replay.asked_at),
            "standing": string(replay.standing),
            "progress": _packed(progress),
            "worker": string("nobody"),
            "worker_until": number(0),
            layout.INDEX_KEY: string(RUNNING),
            layout.INDEX_SORT: milliseconds(replay.asked_at),
        }
        with asking(RECORD):
            try:
                self._client.put_item(
                    TableName=self._table,
                    Item=item,
                    ConditionExpression="attribute_not_exists(id)",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                )
            except ClientError as error:
                return _read(condition_met(error))
        return _read(item)

    def read(self, id_: str) -> Job | None:
        with asking(RECORD):
            name = {"id": string(_name(id_))}
            answer = self._client.get_item(TableName=self._table, Key=name, ConsistentRead=True)
        item = answer.get("Item")
        return _read(item) if item else None

    def running(self) -> list[Job]:
        with asking(RECORD):
            answer = self._client.query(
                TableName=self._table,
                IndexName=layout.INDEX,
                KeyConditionExpression="#listed = :listed",
                ExpressionAttributeNames={"#listed": layout.INDEX_KEY},
                ExpressionAttributeValues={":listed": string(RUNNING)},
            )
        ids = [item["id"]["S"].partition("#")[2] for item in answer["Items"]]
        found = [job for id_ in ids if (job := self.read(id_)) is not None]
        # The index lags behind: what has ended meanwhile doesn't go on.
        return [job for job in found if job.replay.standing is Standing.RUNNING]

    def take(self, id_: str, worker: str, *, now: datetime, until: datetime) -> Job | None:
        return self._change(
            id_,
            {"worker": string(worker), "worker_until": milliseconds(until)},
            "#standing = :running AND (#worker = :worker OR #worker_until <= :now)",
            {":running": string(Standing.RUNNING), ":now": milliseconds(now)},
        )

    def save(self, id_: str, worker: str, progress: Progress, *, until: datetime) -> Job | None:
        return self._change(
            id_,
            {"progress": _packed(progress), "worker_until": milliseconds(until)},
            "#worker = :mine",
            {":mine": string(worker)},
        )

    def end(self, id_: str, standing: Standing, *, because: str | None, at: datetime) -> Job | None:
        sets = {
            "standing": string(standing),
            "ended_at": milliseconds(at),
            "expiration": seconds(at + REMEMBERED_FOR),
        }
        if because is not None:
            sets["because"] = string(because)
        ended = self._change(
            id_,
            sets,
            "#standing = :running",
            {":running": string(Standing.RUNNING)},
            removes=(layout.INDEX_KEY, layout.INDEX_SORT),
        )
        return ended or self.read(id_)

    def _change(
        self,
        id_: str,
        sets: dict[str, Any],
        condition: str,
        values: dict[str, Any],
        *,
        removes: tuple[str, ...] = (),
    ) -> Job | None:
        changed = change_item(
            self._client,
            RECORD,
            self._table,
            _name(id_),
            sets=sets,
            removes=removes,
            condition=condition,
            values=values,
        )
        return None if changed is None else _read(changed)


def _name(id_: str) -> str:
    return f"replay#{id_}"


def _packed(value: Any) -> dict[str, Any]:
    return {"B": zlib.compress(msgspec.json.encode(value))}


def _read(item: Any) -> Job:
    request = msgspec.json.decode(zlib.decompress(item["request"]["B"]), type=ReplayRequest)
    return Job(
        replay=Replay(
            request=request,
            asked_at=read_time(item["asked_at"]),
            standing=Standing(item["standing"]["S"]),
            stopped_because=item["because"]["S"] if "because" in item else None,
            ended_at=read_time(item["ended_at"]) if "ended_at" in item else None,
        ),
        progress=msgspec.json.decode(zlib.decompress(item["progress"]["B"]), type=Progress),
    )
