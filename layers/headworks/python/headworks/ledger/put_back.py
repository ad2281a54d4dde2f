"""The statements that put dead letters back: claimed, marked as sent, or given back.

Each is carried out only on the item that was read, or claimed: whoever comes in between changes its owner.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from headworks.ledger import layout
from headworks.ledger.layout import milliseconds, number, seconds, string
from headworks.ledger.ledger import State

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from headworks.ledger.dead_letters import Claim, Putting

# What is on record of the latest replays; the cap on replays keeps it shorter.
MOST_ON_RECORD = 20
MOMENT = timedelta(milliseconds=1)

Statement = dict[str, Any]


def claimed(
    table: str,
    owner_of_list: str,
    claim: Claim,
    item: Mapping[str, Any],
    putting: Putting,
    *,
    forgotten: datetime,
) -> Statement:
    """Claim an item as it was read.  Its place in the lists of the dead stays."""
    sets: dict[str, Any] = {
        "state": string(State.REPLAYING),
        "owner": string(claim.token),
        "due": milliseconds(claim.ends),
        "crashes": number(0),
        "earlier": number(claim.attempt),
        "replay": string(claim.replay),
        "replays": number(claim.number),
        "replayed": {"M": _record(item, claim, putting)},
        # A key isn't forgotten while its message is on its way, even where dead letters are kept for a time only.
        "expiration": max(item["expiration"], seconds(forgotten), key=lambda each: int(each["N"])),
    }
    if claim.was is State.COMPLETED:
        # As if it had died just before the replay was asked for: a claim that ends leaves a dead letter of this replay.
        died_at = putting.died_before - MOMENT
        sets |= {
            "generation": number(claim.generation),
            "status": string("INPROGRESS"),
            "expiration": number(layout.NEVER),
            "died_at": milliseconds(died_at),
            **layout.listing(State.DEAD, owner_of_list, claim.entry.key, died_at),
        }
    where = {name: item[name] for name in ("owner", "state", "attempt")}
    return _update(table, layout.identity(owner_of_list, claim.entry.key), sets, where)


def marked(table: str, owner_of_list: str, claim: Claim, *, now: datetime, forgotten: datetime) -> Statement:
    """Its message is on the queue."""
    sets = {
        "state": string(State.RETRYING),
        "due": milliseconds(now),
        "expiration": seconds(forgotten),
        **layout.listing(State.RETRYING, owner_of_list, claim.entry.key, now),
    }
    return _update(table, layout.identity(owner_of_list, claim.entry.key), sets, _mine(claim))


def given_back(table: str, owner_of_list: str, claim: Claim, *, forgotten: datetime) -> Statement:
    """Its message isn't: it is again what it was before."""
    identity = layout.identity(owner_of_list, claim.entry.key)
    if claim.was is not State.COMPLETED:
        return _update(table, identity, {"state": string(State.DEAD)}, _mine(claim), removes=("due",))
    sets = {
        "state": string(State.COMPLETED),
        "generation": number(claim.generation - 1),
        "status": string("COMPLETED"),
        "expiration": seconds(forgotten),
    }
    removes = ("due", layout.INDEX_KEY, layout.INDEX_SORT)
    return _update(table, identity, sets, _mine(claim), removes=removes)


def spent(table: str, owner_of_list: str, claim: Claim, *, until: datetime) -> Statement:
    """The body that was sent may expire, unless it was written anew since: by another death, or by somebody's hand."""
    body = layout.body_id(layout.identity(owner_of_list, claim.entry.key))
    return _update(
        table,
        body,
        {"expiration": seconds(until)},
        _version(claim),
        removes=(layout.KEPT,),
        missing=layout.EDITED_MESSAGE,
    )


def kept_for_good(table: str, owner_of_list: str, claim: Claim) -> Statement:
    """The body of what was completed, or edited, doesn't expire any more."""
    body = layout.body_id(layout.identity(owner_of_list, claim.entry.key))
    return _update(table, body, {"expiration": number(layout.NEVER)}, _version(claim))


def _mine(claim: Claim) -> dict[str, Any]:
    return {"owner": string(claim.token), "state": string(State.REPLAYING)}


def _version(claim: Claim) -> dict[str, Any]:
    return {"written": string(claim.body_version)}


def _record(item: Mapping[str, Any], claim: Claim, putting: Putting) -> dict[str, Any]:
    """What is on record of an item's replays, this one among them, and the latest only."""
    earlier = item.get("replayed", {"M": {}})["M"]
    kept = sorted(earlier, key=lambda name: int(name.removeprefix("r")))[-(MOST_ON_RECORD - 1) :]
    told: dict[str, Any] = {
        "replay": string(putting.replay),
        "at": milliseconds(putting.at),
        "by": string(putting.by[: layout.LONGEST_WHO]),
        "again": {"BOOL": claim.was is State.COMPLETED},
    }
    if putting.reason is not None:
        told["reason"] = string(putting.reason[: layout.LONGEST_WHY])
    return {**{name: earlier[name] for name in kept}, f"r{claim.number}": {"M": told}}


def _update(
    table: str,
    identity: str,
    sets: Mapping[str, Any],
    where: Mapping[str, Any],
    *,
    removes: tuple[str, ...] = (),
    missing: str | None = None,
) -> Statement:
    changes = [f'SET "{name}" = ?' for name in sets] + [f'REMOVE "{name}"' for name in removes]
    conditions = ['"id" = ?', *(f'"{name}" = ?' for name in where)]
    if missing is not None:
        conditions.append(f'"{missing}" IS MISSING')
    return {
        "Statement": f'UPDATE "{table}" {" ".join(changes)} WHERE {" AND ".join(conditions)}',
        "Parameters": [*sets.values(), string(identity), *where.values()],
    }
