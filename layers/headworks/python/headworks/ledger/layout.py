"""How an item lies in the table.  Everything that reads the ledger reads it by this page.

Powertools' own attributes keep Powertools' own meaning: `id`, `status`, `expiration` (TTL,
seconds), `in_progress_expiration` (milliseconds) and `data`.  Ours stand beside them:

- `state`, `owner`, `attempt`, `crashes`, `due` (milliseconds), `history` (map, `a<attempt>`)
- the header: `key`, `message_id`, `type`, `source`, `ordering_key`, `tenant`
- of what was replayed: `earlier` (attempts before its last replay), `replay` (its id), `replays` (how many),
  `replayed` (map, `r<number>`: what is on record), `generation` (how often it ran though completed), `edited`;
  while it is `replaying`, `owner` is the claim's own name and `due` its end
- of what failed: `error_type`, `error` and `fault`, the last ones; dead: `reason`, `died_at` (milliseconds)
- `listed` and `listed_at`, the keys of the sparse index `listed`: present while an item is
  dead, retrying, waiting, replaying, or runs again
- `found_by`, the key of the sparse index `found_by`: the message id of what failed, died or
  was held, written once

The body of a dead or waiting message is an item of its own, `<id>/body`, so that changes
of state stay small writes; the first body of one that was edited is another, `<id>/original`.
The body of a dead letter that expires has `kept`: what waits is never written over it.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4
from zlib import crc32

from headworks.ledger.item import Item
from headworks.ledger.ledger import Entry, Failure, Lease, Letter, State
from headworks.outcome import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

INDEX = "listed"
INDEX_KEY = "listed"
INDEX_SORT = "listed_at"
# The index of keys by message id, and its one attribute.
FOUND_BY = "found_by"
# One value of an index key takes about a thousand writes a second: an outage kills more than that.
SHARDS = 8
# What lists show; bodies and stack traces stay out of the index.
LISTED_ATTRIBUTES = (
    "key",
    "message_id",
    "type",
    "source",
    "ordering_key",
    "tenant",
    "state",
    "attempt",
    "crashes",
    "due",
    "died_at",
    "reason",
    "error_type",
    "error",
    "earlier",
    "replay",
    "replays",
    "fault",
)
# Powertools reads `expiration` of every item; this one never comes.
NEVER = 253_402_300_799

# Characters of up to four bytes.
LONGEST_FOUND_BY = 512
LONGEST_ERROR = 500
LONGEST_ERROR_TYPE = 100
LONGEST_STACK = 1500
LONGEST_WHO = 100
LONGEST_WHY = 500

# Of a body whose message was edited: which message it was, and after which attempt.
EDITED_MESSAGE, EDITED_AFTER = "edited_message", "edited_after"
# Of the body of a dead letter that expires in time: those of the others have no expiration that would tell them.
KEPT = "kept"
# A late owner has the same message: the body of a dead one isn't to live as briefly as one that waits.
MAY_WAIT = f"attribute_not_exists(id) OR (attribute_exists(expiration) AND attribute_not_exists({KEPT}))"
# A late copy of a message knows nothing of what was edited since; another message, or a later attempt, does.
MAY_BE_REWRITTEN = (
    f"attribute_not_exists({EDITED_MESSAGE}) OR {EDITED_MESSAGE} <> :message_id OR {EDITED_AFTER} < :attempt"
)

Attributes = dict[str, Any]


def identity(owner_of_list: str, key: str) -> str:
    """The item id of a key, as Powertools makes it of a prefix and SHA-256."""
    return f"{owner_of_list}#{hashlib.sha256(json.dumps(key).encode()).hexdigest()}"


def body_id(identity: str) -> str:
    """Where the body of an item lies."""
    return f"{identity}/body"


def original_id(identity: str) -> str:
    """Where the first message of an item lies that was edited."""
    return f"{identity}/original"


def listed_under(state: State, owner_of_list: str, shard: int) -> str:
    """The index key of one shard of a consumer's list (`<queue>/<consumer>`) of items in a state."""
    return f"{state}#{owner_of_list}#{shard}"


def listing(state: State, owner_of_list: str, key: str, at: datetime) -> Attributes:
    """The two attributes that put an item on a list."""
    shard = crc32(key.encode()) % SHARDS
    return {INDEX_KEY: string(listed_under(state, owner_of_list, shard)), INDEX_SORT: milliseconds(at)}


def last_error(failure: Failure | None) -> Attributes:
    """What lists show of a failure."""
    if failure is None:
        return {}
    return {
        "error_type": string(failure.error_type[:LONGEST_ERROR_TYPE]),
        "error": string(failure.error[:LONGEST_ERROR]),
        "fault": string(failure.fault),
    }


def found_by(message_id: str) -> Attributes:
    """The attribute that an item is found by; cut, for an index key holds 2 KiB and others' ids may be longer."""
    return {FOUND_BY: string(message_id[:LONGEST_FOUND_BY])}


def header(entry: Entry) -> Attributes:
    """An entry as attributes."""
    values = {
        "key": entry.key,
        "message_id": entry.message_id,
        "type": entry.type,
        "source": entry.source,
        "ordering_key": entry.ordering_key,
        "tenant": entry.tenant,
    }
    return {name: string(value) for name, value in values.items() if value is not None}


def new_lease(identity: str, lease: Lease, *, forgotten: datetime) -> Attributes:
    """The item of a key that is leased for the first time."""
    return {**started(lease, forgotten=forgotten), **of_its_own(identity, lease.entry)}


def started(lease: Lease, *, forgotten: datetime) -> Attributes:
    """What first leases that are taken together have in common."""
    return {
        "status": string("INPROGRESS"),
        "expiration": seconds(forgotten),
        "in_progress_expiration": milliseconds(lease.ends),
        "state": string(State.RUNNING),
        "owner": string(lease.owner),
        "attempt": number(lease.attempt),
        "crashes": number(lease.crashes),
    }


def of_its_own(identity: str, entry: Entry) -> Attributes:
    """What tells a first lease from those that are taken with it."""
    return {"id": string(identity), "history": {"M": {}}, **header(entry)}


def held(identity: str, entry: Entry, *, now: datetime, due: datetime, forgotten: datetime) -> Attributes:
    """The item of a key that waits for its first attempt."""
    lease = Lease(entry=entry, owner="nobody", attempt=0, ends=now)
    return {
        **new_lease(identity, lease, forgotten=forgotten),
        "state": string(State.WAITING),
        "due": milliseconds(due),
        **found_by(entry.message_id),
    }


def letter_item(identity: str, letter: Letter) -> Attributes:
    """The body of a dead or waiting message, as an item of its own; `written` tells it from the next one."""
    item = {
        "id": string(body_id(identity)),
        "written": string(uuid4().hex),
        "body": string(letter.body),
        "sent_at": milliseconds(letter.sent_at),
    }
    if letter.ordering_key is not None:
        item["ordering_key"] = string(letter.ordering_key)
    if letter.body_ref is not None:
        item["body_ref"] = string(letter.body_ref)
    return item


def read_letter(item: Mapping[str, Any]) -> Letter:
    """A body item, read."""
    return Letter(
        body=item["body"]["S"],
        sent_at=read_time(item["sent_at"]),
        ordering_key=item["ordering_key"]["S"] if "ordering_key" in item else None,
        body_ref=item["body_ref"]["S"] if "body_ref" in item else None,
    )


def read_item(attributes: Mapping[str, Any]) -> Item:
    """An item, read."""
    due = attributes.get("due")
    return Item(
        entry=read_entry(attributes),
        state=State(attributes["state"]["S"]),
        owner=attributes["owner"]["S"],
        attempt=int(attributes["attempt"]["N"]),
        ends=read_time(attributes["in_progress_expiration"]),
        crashes=int(attributes["crashes"]["N"]),
        due=read_time(due) if due else None,
        history=read_history(attributes.get("history", {"M": {}})),
        earlier=read_number(attributes, "earlier"),
        replays=read_number(attributes, "replays"),
        generation=read_number(attributes, "generation"),
    )


def read_entry(attributes: Mapping[str, Any]) -> Entry:
    """The header of an item, read."""
    return Entry(
        key=attributes["key"]["S"],
        message_id=attributes["message_id"]["S"],
        type=attributes["type"]["S"],
        source=attributes["source"]["S"],
        ordering_key=attributes["ordering_key"]["S"] if "ordering_key" in attributes else None,
        tenant=attributes["tenant"]["S"] if "tenant" in attributes else None,
    )


def failure_value(failure: Failure) -> Attributes:
    """A failure as one entry of the history, cut to its bounded size."""
    return {
        "M": {
            "at": milliseconds(failure.at),
            "error_type": string(failure.error_type[:LONGEST_ERROR_TYPE]),
            "error": string(failure.error[:LONGEST_ERROR]),
            "stack": string(failure.stack[-LONGEST_STACK:]),
            "duration_ms": number(failure.duration_ms),
            "version": string(failure.version[:100]),
            "request_id": string(failure.request_id[:100]),
            "fault": string(failure.fault),
        }
    }


def history_value(history: Iterable[Failure]) -> Attributes:
    """Failures as a history has them, by their attempts."""
    return {"M": {f"a{each.attempt}": failure_value(each) for each in history}}


def read_history(value: Mapping[str, Any]) -> tuple[Failure, ...]:
    """A history, in the order of its attempts."""
    failures = [
        Failure(
            attempt=int(name.removeprefix("a")),
            at=read_time(each["M"]["at"]),
            error_type=each["M"]["error_type"]["S"],
            error=each["M"]["error"]["S"],
            stack=each["M"]["stack"]["S"],
            duration_ms=int(each["M"]["duration_ms"]["N"]),
            version=each["M"]["version"]["S"],
            request_id=each["M"]["request_id"]["S"],
            fault=Fault(each["M"].get("fault", {"S": Fault.PIPELINE})["S"]),
        )
        for name, each in value["M"].items()
    ]
    return tuple(sorted(failures, key=lambda failure: failure.attempt))


def string(value: str) -> Attributes:
    """A string as DynamoDB spells it; half a surrogate pair, which it refuses, becomes a question mark."""
    return {"S": value.encode("utf-8", "replace").decode()}


def number(value: int) -> Attributes:
    """A number as DynamoDB spells it."""
    return {"N": str(value)}


def read_number(attributes: Mapping[str, Any], name: str) -> int:
    """A number that is zero where it isn't kept."""
    return int(attributes.get(name, {"N": "0"})["N"])


def milliseconds(time: datetime) -> Attributes:
    """A time in milliseconds, as Powertools keeps the end of a lease."""
    return number(int(time.timestamp() * 1000))


def seconds(time: datetime) -> Attributes:
    """A time in seconds, as DynamoDB's TTL wants it."""
    return number(int(time.timestamp()))


def read_time(value: Mapping[str, Any]) -> datetime:
    """A time that was written in milliseconds."""
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=int(value["N"]))
