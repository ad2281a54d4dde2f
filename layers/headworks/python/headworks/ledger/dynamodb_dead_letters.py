"""Dead letters in DynamoDB, one consumer's: put back in bulk, edited, taken away."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from headworks.chunks import chunks
from headworks.clock import SystemClock
from headworks.errors import Unavailable
from headworks.ledger import layout
from headworks.ledger.catalogue import Replayed
from headworks.ledger.claiming import Candidate
from headworks.ledger.dead_letters import Claim, Refusal, Taken
from headworks.ledger.layout import milliseconds, number, string
from headworks.ledger.ledger import MOST_AT_ONCE, SENT_AHEAD, State
from headworks.ledger.put_back import claimed, given_back, kept_for_good, marked, spent
from headworks.ledger.stories import read_replayed
from headworks.stores import MOST_READS, asking, read_items, write_together

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from headworks.clock import Clock
    from headworks.ledger.dead_letters import Putting
    from headworks.ledger.ledger import Letter
    from headworks.queue import Queue

LEDGER = "the ledger"
CALLS_AT_ONCE = 8
# How often what changes under a reader's hands is read again, and what the store throttles is tried.
ROUNDS = 4
_REFUSED = "ConditionalCheckFailed"


class DynamoDBDeadLetters:
    """One consumer's, in the table of its ledger."""

    def __init__(
        self, queue: Queue, consumer: str, client: DynamoDBClient, *, table: str, clock: Clock | None = None
    ) -> None:
        self._queue = queue
        self._list = f"{queue.name}/{consumer}"
        self._client = client
        self._table = table
        self._clock = clock or SystemClock()
        self._calls = ThreadPoolExecutor(CALLS_AT_ONCE, thread_name_prefix="dead-letters")

    def claim(self, keys: Sequence[str], putting: Putting, *, lasts: timedelta) -> list[Claim | Refusal]:
        answers: dict[str, Claim | Refusal] = {}
        wanted = list(dict.fromkeys(keys))
        # One that changed between the read and the claim is looked at again.
        for _ in range(ROUNDS):
            answers |= self._claim(wanted, putting, lasts)
            wanted = [key for key in wanted if key not in answers]
            if not wanted:
                break
        return [answers.get(key, Refusal.BUSY) for key in keys]

    def sent(self, claims: Sequence[Claim]) -> None:
        now = self._clock.now()
        forgotten = now + self._queue.memory_of_keys
        self._execute(
            [marked(self._table, self._list, each, now=now, forgotten=forgotten) for each in claims]
        )
        # What runs on keeps its message along with it; one that dies once more is written anew.
        bodies = [each for each in claims if each.body_version]
        until = now + self._queue.memory_of_waits
        self._execute([spent(self._table, self._list, each, until=until) for each in bodies])

    def give_back(self, claims: Sequence[Claim]) -> None:
        forgotten = self._clock.now() + self._queue.memory_of_keys
        self._execute([given_back(self._table, self._list, each, forgotten=forgotten) for each in claims])

    def edit(self, key: str, letter: Letter, *, by: str) -> State | None:
        for _ in range(ROUNDS):
            met = self._read([key]).get(key)
            if met is None:
                return None
            now = self._clock.now()
            if not met.candidate.may_be_changed(now):
                return met.candidate.item.state
            if write_together(self._client, LEDGER, self._edition(met, letter, by, now)):
                return State.DEAD
        raise Unavailable(LEDGER, "its item changes all the time")

    def take_away(self, key: str) -> Taken | State | None:
        for _ in range(ROUNDS):
            met = self._read([key]).get(key)
            if met is None:
                return None
            item, now = met.candidate.item, self._clock.now()
            waits_on = item.state is State.WAITING and item.due is not None and item.due > now + SENT_AHEAD
            if not waits_on and not met.candidate.may_be_changed(now):
                return item.state
            if write_together(self._client, LEDGER, self._removal(met)):
                return Taken(entry=item.entry, was=State.WAITING if waits_on else State.DEAD)
        raise Unavailable(LEDGER, "its item changes all the time")

    def _claim(self, keys: Sequence[str], putting: Putting, lasts: timedelta) -> dict[str, Claim | Refusal]:
        """Answers for those that stood still."""
        now, found = self._clock.now(), self._read(keys)
        refusals = {
            key: Refusal.GONE if (met := found.get(key)) is None else met.refusal(putting, now)
            for key in keys
        }
        wanted = [
            (found[key].claim(putting, ends=now + lasts), found[key])
            for key, refusal in refusals.items()
            if refusal is None
        ]
        mine = self._made(wanted, putting, forgotten=now + self._queue.memory_of_keys)
        lasting = {claim.token for claim, met in wanted if met.must_last}
        self._execute(
            [kept_for_good(self._table, self._list, each) for each in mine if each.token in lasting]
        )
        refused = {key: refusal for key, refusal in refusals.items() if refusal is not None}
        return {**refused, **{each.entry.key: each for each in mine}}

    def _made(
        self, wanted: Sequence[tuple[Claim, _Met]], putting: Putting, *, forgotten: datetime
    ) -> list[Claim]:
        """Make these claims; answers those that could be made."""
        took = self._execute(
            [
                claimed(self._table, self._list, claim, met.attributes, putting, forgotten=forgotten)
                for claim, met in wanted
            ]
        )
        refused = {claim.entry.key for (claim, _), each in zip(wanted, took, strict=True) if not each}
        # A claim that was made, and whose answer was lost, is refused when botocore repeats it.
        owners = {key: met.candidate.item.owner for key, met in self._read(list(refused)).items()}
        return [
            claim
            for claim, _ in wanted
            if claim.entry.key not in refused or owners.get(claim.entry.key) == claim.token
        ]

    def _read(self, keys: Sequence[str]) -> dict[str, _Met]:
        """What the table has of these keys, by key."""
        identities = {layout.identity(self._list, key): key for key in keys}
        wanted = [name for each in identities for name in _identities(each)]
        with asking(LEDGER):
            read = self._calls.map(self._get, chunks(wanted, MOST_READS))
            items = {item["id"]["S"]: item for some in read for item in some}
        return {
            key: _Met.of(identity, items)
            for identity, key in identities.items()
            # What Powertools' own decorator keeps in this table has no state of ours.
            if "state" in items.get(identity, {})
        }

    def _get(self, identities: Sequence[str]) -> list[dict[str, Any]]:
        return read_items(self._client, LEDGER, self._table, identities, rounds=2 * ROUNDS)

    def _execute(self, statements: Sequence[dict[str, Any]]) -> list[bool]:
        """Whether each statement was carried out: its condition may not hold.

        Raises `Unavailable` where the store fails some of them again and again.
        """
        with asking(LEDGER):
            answers = self._calls.map(self._call, chunks(statements, MOST_AT_ONCE))
            return [took for answer in answers for took in answer]

    def _call(self, statements: Sequence[dict[str, Any]]) -> list[bool]:
        took: dict[int, bool] = {}
        for _ in range(ROUNDS):
            pending = [index for index in range(len(statements)) if index not in took]
            if not pending:
                break
            answer: Any = self._client.batch_execute_statement(Statements=[statements[n] for n in pending])  # type: ignore[misc]  # built as dicts
            codes = [each.get("Error", {}).get("Code") for each in answer["Responses"]]
            took |= {
                n: code is None for n, code in zip(pending, codes, strict=True) if code in (None, _REFUSED)
            }
        if len(took) < len(statements):
            raise Unavailable(LEDGER, "writes are throttled")
        return [took[index] for index in range(len(statements))]

    def _edition(self, met: _Met, letter: Letter, by: str, now: datetime) -> list[TransactWriteItemTypeDef]:
        item = met.candidate.item
        edited = {"M": {"at": milliseconds(now), "by": string(by[: layout.LONGEST_WHO])}}
        body = layout.letter_item(met.identity, letter) | {
            layout.EDITED_MESSAGE: string(item.entry.message_id),
            layout.EDITED_AFTER: number(item.attempt),
        }
        body |= {name: met.body[name] for name in ("expiration", layout.KEPT) if name in met.body}
        writes: list[TransactWriteItemTypeDef] = [
            {
                "Update": {
                    "TableName": self._table,
                    "Key": {"id": string(met.identity)},
                    # Another owner: whoever has read the former message can't claim the letter with it.
                    "UpdateExpression": "SET #edited = :edited, #owner = :token, #state = :dead REMOVE #due",
                    "ConditionExpression": _AS_READ,
                    "ExpressionAttributeNames": {**_NAMES_AS_READ, "#edited": "edited", "#due": "due"},
                    "ExpressionAttributeValues": {
                        **met.as_read,
                        ":edited": edited,
                        ":token": string(f"edit/{uuid4().hex}"),
                        ":dead": string(State.DEAD),
                    },
                }
            },
            {"Put": {"TableName": self._table, "Item": body}},
        ]
        if met.body and not met.has_original:
            original = {**met.body, "id": string(layout.original_id(met.identity))}
            original[layout.EDITED_MESSAGE] = string(item.entry.message_id)
            writes.append({"Put": {"TableName": self._table, "Item": original}})
        return writes

    def _removal(self, met: _Met) -> list[TransactWriteItemTypeDef]:
        others: list[TransactWriteItemTypeDef] = [
            {"Delete": {"TableName": self._table, "Key": {"id": string(name)}}}
            for name in _identities(met.identity)[1:]
        ]
        return [
            {
                "Delete": {
                    "TableName": self._table,
                    "Key": {"id": string(met.identity)},
                    "ConditionExpression": _AS_READ,
                    "ExpressionAttributeNames": _NAMES_AS_READ,
                    "ExpressionAttributeValues": met.as_read,
                }
            },
            *others,
        ]


_AS_READ = "#state = :was AND #owner = :owner AND #attempt = :attempt"
_NAMES_AS_READ = {"#state": "state", "#owner": "owner", "#attempt": "attempt"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Met:
    """A key's items as they were read; `body` and `original` are empty where there are none."""

    identity: str
    attributes: Mapping[str, Any]
    body: Mapping[str, Any]
    original: Mapping[str, Any]
    candidate: Candidate

    @classmethod
    def of(cls, identity: str, items: Mapping[str, Mapping[str, Any]]) -> _Met:
        attributes = items[identity]
        died_at = attributes.get("died_at")
        candidate = Candidate(
            item=layout.read_item(attributes),
            died_at=layout.read_time(died_at) if died_at else None,
            last=_last(read_replayed(attributes)),
        )
        return cls(
            identity=identity,
            attributes=attributes,
            body=items.get(layout.body_id(identity), {}),
            original=items.get(layout.original_id(identity), {}),
            candidate=candidate,
        )

    @property
    def has_original(self) -> bool:
        """Whether the first message is kept already; an earlier message of the same key isn't it."""
        kept_of = self.original.get(layout.EDITED_MESSAGE)
        return bool(kept_of == string(self.candidate.item.entry.message_id))

    @property
    def must_last(self) -> bool:
        """Whether its body would expire while its message is on its way: of what was completed, and, where dead
        letters are kept for a time only, of what was edited, which isn't given another time once it is sent.
        """
        expires = "written" in self.body and "expiration" in self.body
        was_completed = self.candidate.item.state is State.COMPLETED
        return expires and (was_completed or layout.EDITED_MESSAGE in self.body)

    @property
    def as_read(self) -> dict[str, Any]:
        """The values of the condition that nobody has changed it since."""
        return {
            ":was": self.attributes["state"],
            ":owner": self.attributes["owner"],
            ":attempt": self.attributes["attempt"],
        }

    def refusal(self, putting: Putting, now: datetime) -> Refusal | None:
        """Why it can't be claimed, if it can't."""
        refusal = self.candidate.refusal(putting, now)
        return Refusal.NOT_KEPT if refusal is None and not self.body else refusal

    def claim(self, putting: Putting, *, ends: datetime) -> Claim:
        """The claim of it."""
        item = self.candidate.item
        return Claim(
            entry=item.entry,
            replay=putting.replay,
            number=self.candidate.number,
            attempt=item.attempt,
            ends=ends,
            letter=layout.read_letter(self.body),
            token=f"replay/{uuid4().hex}",
            was=item.state,
            generation=item.generation + (item.state is State.COMPLETED),
            body_version=self.body.get("written", {"S": ""})["S"],
        )


def _last(replayed: Sequence[Replayed]) -> Replayed | None:
    return replayed[-1] if replayed else None


def _identities(identity: str) -> list[str]:
    return [identity, layout.body_id(identity), layout.original_id(identity)]
