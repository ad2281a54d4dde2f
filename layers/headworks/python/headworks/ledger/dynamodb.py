"""The ledger in DynamoDB, in the table of Powertools' idempotency."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.exceptions import ClientError

from headworks.chunks import chunks
from headworks.clock import SystemClock
from headworks.errors import Unavailable
from headworks.ledger import layout
from headworks.ledger.fenced import FencedPersistenceLayer
from headworks.ledger.item import CLOCK_SLACK, Item, bounded
from headworks.ledger.layout import milliseconds, number, seconds, string
from headworks.ledger.ledger import MOST_AT_ONCE, NOT_LIVED, Lease, State, Waiting
from headworks.ledger.statements import completion, extension, insertions
from headworks.stores import asking, condition_met, names_in, write_together

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import PutTypeDef, TransactWriteItemTypeDef

    from headworks.clock import Clock
    from headworks.ledger.ledger import Answer, Entry, Failure, Letter, Lived, Suspect
    from headworks.outcome import Reason
    from headworks.queue import Queue

LEDGER = "the ledger"
CALLS_AT_ONCE = 8

_START = (
    "SET #state = :running, #status = :in_progress, #owner = :owner, #in_progress_expiration = :ends, "
    "#attempt = #attempt + :one, #crashes = #crashes + :crashes, #listed = :listed, #listed_at = :listed_at "
    "REMOVE #due"
)
_DUE = "(#state IN (:retrying, :waiting) AND #due <= :soon) OR #state = :replaying"
_DIED = "#state = :running AND #owner = :dead_owner AND #in_progress_expiration <= :now"
_MINE = "#state = :running AND #owner = :owner AND #attempt = :attempt"
_NOBODYS = (
    "attribute_not_exists(#id) OR #state IN (:retrying, :waiting, :replaying) OR "
    "(#state = :running AND #in_progress_expiration <= :now)"
)


class DynamoDBLedger(FencedPersistenceLayer):
    """One consumer's ledger."""

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
        super().__init__(self._list, client, table=table, remembered_for=queue.memory_of_keys)
        self._remembered_for = queue.memory_of_keys
        self._kept_for = queue.dead_letters_kept_for
        self._clock = clock or SystemClock()
        self._calls = ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="ledger")

    def lease(self, entries: Sequence[Entry], *, lasts: timedelta) -> list[Answer | None]:
        now, owner = self._clock.now(), uuid4().hex
        leases = [Lease(entry=entry, owner=owner, attempt=1, ends=now + lasts) for entry in entries]
        forgotten = now + self._remembered_for
        codes = self._execute(list(insertions(self.table_name, self._list, leases, forgotten=forgotten)))
        existing = [index for index, code in enumerate(codes) if code == "DuplicateItem"]
        with asking(LEDGER):
            found = dict(
                zip(
                    existing,
                    self._calls.map(lambda n: self._lease_existing(leases[n], now), existing),
                    strict=True,
                )
            )
        return [
            found[index] if index in found else lease if codes[index] is None else None
            for index, lease in enumerate(leases)
        ]

    def take_over(self, suspect: Suspect, *, lasts: timedelta) -> Answer:
        now = self._clock.now()
        lease = Lease(entry=suspect.entry, owner=uuid4().hex, attempt=suspect.attempt + 1, ends=now + lasts)
        values = {":dead_owner": string(suspect.owner), ":now": milliseconds(now), ":crashes": number(1)}
        with asking(LEDGER):
            answer = self._start(lease, now, _DIED, values)
        if answer is None:
            raise Unavailable(LEDGER, f"the item of {suspect.entry.message_id} is gone")
        return answer

    def extend(self, leases: Sequence[Lease], *, lasts: timedelta) -> list[bool | None]:
        ends = self._clock.now() + lasts
        return self._change_all(
            [extension(self.table_name, self._list, lease, ends=ends) for lease in leases]
        )

    def complete(self, leases: Sequence[Lease]) -> list[bool | None]:
        forgotten = self._clock.now() + self._remembered_for
        return self._change_all(
            [completion(self.table_name, self._list, lease, forgotten=forgotten) for lease in leases]
        )

    def retry(self, lease: Lease, failure: Failure, *, due: datetime) -> bool:
        with asking(LEDGER):
            update = self._end(lease, State.RETRYING, failure, {"due": milliseconds(due)}, listed_at=due)
        return update.changed or update.is_echo_of(lease, State.RETRYING)

    def wait(self, lease: Lease, failure: Failure, letter: Letter, *, due: datetime) -> bool:
        with asking(LEDGER):
            self._keep(lease.entry, letter, until=due + self._remembered_for)
            update = self._end(lease, State.WAITING, failure, {"due": milliseconds(due)}, listed_at=due)
        return update.changed or update.is_echo_of(lease, State.WAITING)

    def release(self, lease: Lease, *, due: datetime) -> bool:
        identity = self.identity(lease.entry.key)
        with asking(LEDGER):
            if lease.attempt == 1 and not lease.history and not lease.replays:
                return self._delete(identity, _MINE, self._fence(lease))
            values = {
                **self._fence(lease),
                ":retrying": string(State.RETRYING),
                ":due": milliseconds(due),
                ":fewer": number(lease.attempt - 1),
                **{
                    f":{name}": value
                    for name, value in layout.listing(
                        State.RETRYING, self._list, lease.entry.key, due
                    ).items()
                },
            }
            expression = "SET #state = :retrying, #due = :due, #attempt = :fewer, #listed = :listed, #listed_at = :listed_at"
            return self._update(identity, expression, _MINE, values).changed

    def bury(
        self,
        entry: Entry,
        letter: Letter,
        *,
        reason: Reason,
        failure: Failure | None,
        holder: Lease | Suspect | None = None,
        lived: Lived = NOT_LIVED,
    ) -> State:
        with asking(LEDGER):
            self._keep(entry, letter, until=None, attempt=0 if holder is None else holder.attempt)
            now = self._clock.now()
            told = self._epitaph(reason, failure, now)
            if isinstance(holder, Lease):
                update = self._end(holder, State.DEAD, failure, told, listed_at=now)
            else:
                update = self._bury_unleased(entry, told, now, holder, lived)
            return State.DEAD if update.item is None else update.item.state

    def hold(self, entry: Entry, letter: Letter, *, due: datetime) -> bool:
        now, forgotten = self._clock.now(), due + self._remembered_for
        identity = self.identity(entry.key)
        item = layout.held(identity, entry, now=now, due=due, forgotten=forgotten)
        item |= layout.listing(State.WAITING, self._list, entry.key, due)
        # Together: a body that waits or is dead under this key already stays what it is.
        if write_together(
            self.client, LEDGER, [self._new(item), {"Put": self._body(entry, letter, forgotten)}]
        ):
            return True
        with asking(LEDGER):
            met = self._item(identity)
        return met is not None and met.state is State.WAITING and met.due == layout.read_time(item["due"])

    def waiting(self, *, due_before: datetime, limit: int) -> list[Waiting]:
        with asking(LEDGER):
            shards = self._calls.map(
                lambda shard: self._waiting_in(shard, due_before, limit), range(layout.SHARDS)
            )
            found = [each for shard in shards for each in shard]
        return sorted(found, key=lambda each: each.due)[:limit]

    def letter(self, entry: Entry) -> Letter | None:
        with asking(LEDGER):
            key = {"id": string(layout.body_id(self.identity(entry.key)))}
            item = self.client.get_item(TableName=self.table_name, Key=key, ConsistentRead=True).get("Item")
        return layout.read_letter(item) if item else None

    def woken(self, waiting: Waiting) -> bool:
        values = {
            ":waiting": string(State.WAITING),
            ":retrying": string(State.RETRYING),
            ":due": milliseconds(waiting.due),
            ":listed": layout.listing(State.RETRYING, self._list, waiting.entry.key, waiting.due)[
                layout.INDEX_KEY
            ],
        }
        expression = "SET #state = :retrying, #listed = :listed"
        with asking(LEDGER):
            identity = self.identity(waiting.entry.key)
            return self._update(identity, expression, "#state = :waiting AND #due = :due", values).changed

    def cancel(self, key: str) -> bool:
        values = {
            ":waiting": string(State.WAITING),
            ":none": number(0),
            ":cancelled": string(State.CANCELLED),
            ":completed": string("COMPLETED"),
            ":nothing": string("{}"),
        }
        # Powertools reads it as completed: nothing is left to run.
        expression = (
            "SET #state = :cancelled, #status = :completed, #data = :nothing REMOVE #due, #listed, #listed_at"
        )
        condition = "(#state = :waiting AND #attempt = :none) OR #state = :cancelled"
        with asking(LEDGER):
            return self._update(self.identity(key), expression, condition, values).changed

    def _change_all(self, statements: Sequence[dict[str, Any]]) -> list[bool | None]:
        """Whether each was made; none where the store failed that one alone."""
        codes = self._execute(statements)
        return [
            True if code is None else False if code == "ConditionalCheckFailed" else None for code in codes
        ]

    def _execute(self, statements: Sequence[dict[str, Any]]) -> list[str | None]:
        """Each statement's error code, or none, in the order of the input: HTTP 200 says nothing of them."""
        calls = list(chunks(statements, MOST_AT_ONCE))
        with asking(LEDGER):
            answers = [self._call(calls[0])] if len(calls) == 1 else list(self._calls.map(self._call, calls))
        return [code for answer in answers for code in answer]

    def _call(self, statements: Sequence[dict[str, Any]]) -> list[str | None]:
        answer = self.client.batch_execute_statement(Statements=statements)  # type: ignore[arg-type]  # built as dicts
        return [each["Error"].get("Code", "?") if "Error" in each else None for each in answer["Responses"]]

    def _lease_existing(self, wanted: Lease, now: datetime) -> Answer | None:
        values = {
            ":retrying": string(State.RETRYING),
            ":waiting": string(State.WAITING),
            ":replaying": string(State.REPLAYING),
            ":soon": milliseconds(now + CLOCK_SLACK),
            ":crashes": number(0),
        }
        return self._start(wanted, now, _DUE, values)

    def _start(
        self, wanted: Lease, now: datetime, condition: str, values: Mapping[str, Any]
    ) -> Answer | None:
        listing = layout.listing(State.RUNNING, self._list, wanted.entry.key, now)
        update = self._update(
            self.identity(wanted.entry.key),
            _START,
            condition,
            {
                **values,
                ":running": string(State.RUNNING),
                ":in_progress": string("INPROGRESS"),
                ":owner": string(wanted.owner),
                ":ends": milliseconds(wanted.ends),
                ":one": number(1),
                ":listed": listing[layout.INDEX_KEY],
                ":listed_at": listing[layout.INDEX_SORT],
            },
        )
        if update.item is None:
            return None
        return update.item.as_lease() if update.changed else update.item.answer(now, wanted.owner)

    def _end(
        self,
        lease: Lease,
        state: State,
        failure: Failure | None,
        told: Mapping[str, Any],
        *,
        listed_at: datetime,
    ) -> _Update:
        """Take a running item to where its attempt has led it; `told` are the attributes that go with that."""
        kept = bounded(lease.history, failure)
        sets = {
            **told,
            **layout.last_error(failure),
            **layout.listing(state, self._list, lease.entry.key, listed_at),
            **layout.found_by(lease.entry.message_id),
        }
        expression = "SET #state = :state, #in_progress_expiration = :now"
        expression += "".join(f", #{name} = :{name}" for name in sets)
        if failure is not None:
            expression += f", #history.#a{failure.attempt} = :failure"
        dropped = [f"#history.#a{each.attempt}" for each in lease.history if each not in kept]
        expression += f" REMOVE {', '.join(dropped)}" if dropped else ""
        values = {
            **self._fence(lease),
            **{f":{name}": value for name, value in sets.items()},
            ":state": string(state),
            ":now": milliseconds(self._clock.now()),
        }
        if failure is not None:
            values[":failure"] = layout.failure_value(failure)
        return self._update(self.identity(lease.entry.key), expression, _MINE, values)

    def _bury_unleased(
        self, entry: Entry, told: Mapping[str, Any], now: datetime, suspect: Suspect | None, lived: Lived
    ) -> _Update:
        sets = {
            **told,
            **layout.header(entry),
            **layout.listing(State.DEAD, self._list, entry.key, now),
            **layout.found_by(entry.message_id),
        }
        expression = (
            "SET #state = :dead, #status = if_not_exists(#status, :in_progress), "
            "#owner = if_not_exists(#owner, :nobody), #attempt = if_not_exists(#attempt, :lived), "
            "#crashes = if_not_exists(#crashes, :crashes), #in_progress_expiration = :now, "
            "#history = if_not_exists(#history, :history)"
        )
        expression += "".join(f", #{name} = :{name}" for name in sets) + " REMOVE #due"
        values: dict[str, Any] = {
            **{f":{name}": value for name, value in sets.items()},
            ":dead": string(State.DEAD),
            ":in_progress": string("INPROGRESS"),
            ":nobody": string("nobody"),
            ":lived": number(lived.attempt),
            ":crashes": number(lived.crashes),
            ":history": layout.history_value(lived.history),
            ":now": milliseconds(now),
            ":running": string(State.RUNNING),
        }
        if suspect is None:
            values |= {
                f":{state}": string(state) for state in (State.RETRYING, State.WAITING, State.REPLAYING)
            }
            condition = _NOBODYS
        else:
            values[":dead_owner"] = string(suspect.owner)
            condition = _DIED
        return self._update(self.identity(entry.key), expression, condition, values)

    def _epitaph(self, reason: Reason, failure: Failure | None, now: datetime) -> dict[str, Any]:
        kept = number(layout.NEVER) if self._kept_for is None else seconds(now + self._kept_for)
        told = {"reason": string(reason), "died_at": milliseconds(now), "expiration": kept}
        return told | layout.last_error(failure)

    def _keep(self, entry: Entry, letter: Letter, *, until: datetime | None, attempt: int = 0) -> None:
        body = self._body(entry, letter, until)
        if until is None:
            if self._kept_for is not None:
                kept_until = seconds(self._clock.now() + self._kept_for)
                body["Item"] = {**body["Item"], "expiration": kept_until, layout.KEPT: {"BOOL": True}}
            # A late copy of a message that was edited doesn't undo that.
            body["ConditionExpression"] = layout.MAY_BE_REWRITTEN
            body["ExpressionAttributeValues"] = {
                ":message_id": string(entry.message_id),
                ":attempt": number(attempt),
            }
        if until is not None:
            body["ConditionExpression"] = layout.MAY_WAIT
        try:
            self.client.put_item(**body)
        except ClientError as error:
            condition_met(error)

    def _body(self, entry: Entry, letter: Letter, until: datetime | None) -> PutTypeDef:
        item = layout.letter_item(self.identity(entry.key), letter)
        if until is not None:
            item["expiration"] = seconds(until)
        return {"TableName": self.table_name, "Item": item}

    def _new(self, item: Mapping[str, Any]) -> TransactWriteItemTypeDef:
        return {
            "Put": {
                "TableName": self.table_name,
                "Item": item,
                "ConditionExpression": "attribute_not_exists(id)",
            }
        }

    def _item(self, identity: str) -> Item | None:
        key = {"id": string(identity)}
        item = self.client.get_item(TableName=self.table_name, Key=key, ConsistentRead=True).get("Item")
        return layout.read_item(item) if item else None

    def _waiting_in(self, shard: int, due_before: datetime, limit: int) -> list[Waiting]:
        answer = self.client.query(
            TableName=self.table_name,
            IndexName=layout.INDEX,
            KeyConditionExpression="#listed = :listed AND #listed_at <= :until",
            ExpressionAttributeNames={"#listed": layout.INDEX_KEY, "#listed_at": layout.INDEX_SORT},
            ExpressionAttributeValues={
                ":listed": string(layout.listed_under(State.WAITING, self._list, shard)),
                ":until": milliseconds(due_before),
            },
            Limit=limit,
        )
        return [
            Waiting(
                entry=layout.read_entry(item),
                due=layout.read_time(item[layout.INDEX_SORT]),
                attempt=int(item["attempt"]["N"]),
            )
            for item in answer["Items"]
        ]

    def _delete(self, identity: str, condition: str, values: Mapping[str, Any]) -> bool:
        try:
            self.client.delete_item(
                TableName=self.table_name,
                Key={"id": string(identity)},
                ConditionExpression=condition,
                ExpressionAttributeNames=names_in(condition),
                ExpressionAttributeValues=dict(values),
            )
        except ClientError as error:
            condition_met(error)
            return False
        return True

    def _update(self, identity: str, expression: str, condition: str, values: Mapping[str, Any]) -> _Update:
        try:
            answer = self.client.update_item(
                TableName=self.table_name,
                Key={"id": string(identity)},
                UpdateExpression=expression,
                ConditionExpression=condition,
                ExpressionAttributeNames=names_in(expression, condition),
                ExpressionAttributeValues=dict(values),
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            met = condition_met(error)
            return _Update(changed=False, item=layout.read_item(met) if met else None)
        return _Update(changed=True, item=layout.read_item(answer["Attributes"]))

    @staticmethod
    def _fence(lease: Lease) -> dict[str, Any]:
        return {
            ":running": string(State.RUNNING),
            ":owner": string(lease.owner),
            ":attempt": number(lease.attempt),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Update:
    """A conditional update: whether it was made, and the item after it or instead of it."""

    changed: bool
    item: Item | None

    def is_echo_of(self, lease: Lease, state: State) -> bool:
        """Whether the item is already what this change would make it: the reply to it was lost."""
        item = self.item
        return (
            item is not None
            and item.state is state
            and item.owner == lease.owner
            and item.attempt == lease.attempt
        )
