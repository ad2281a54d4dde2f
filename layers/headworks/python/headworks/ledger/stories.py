"""What a catalogue says of an item, read from its attributes in the table (`headworks.ledger.layout`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headworks.ledger import layout
from headworks.ledger.catalogue import Address, Edited, Listed, Replayed, Story
from headworks.ledger.ledger import State
from headworks.outcome import Fault, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

_DEAD = frozenset({State.DEAD, State.REPLAYING})


def read_listed(attributes: Mapping[str, Any], address: Address, now: datetime) -> Listed:
    """An item as lists show it."""
    at, state = attributes.get(layout.INDEX_SORT), standing(attributes, now)
    return Listed(
        address=address,
        entry=layout.read_entry(attributes),
        state=state,
        attempt=layout.read_number(attributes, "attempt"),
        crashes=layout.read_number(attributes, "crashes"),
        at=layout.read_time(at) if at else None,
        # What was put back keeps the reason of its last death, which isn't true of it any more.
        reason=Reason(attributes["reason"]["S"]) if "reason" in attributes and state in _DEAD else None,
        error_type=attributes.get("error_type", {"S": ""})["S"],
        error=attributes.get("error", {"S": ""})["S"],
        fault=_fault(attributes),
        replay=attributes["replay"]["S"] if "replay" in attributes else None,
        replays=layout.read_number(attributes, "replays"),
        earlier=layout.read_number(attributes, "earlier"),
    )


def read_story(
    attributes: Mapping[str, Any],
    body: Mapping[str, Any] | None,
    original: Mapping[str, Any] | None,
    now: datetime,
) -> Story:
    """An item whole."""
    item = layout.read_item(attributes)
    address = Address(*attributes["id"]["S"].partition("#")[0].split("/"))
    edited = attributes.get("edited")
    return Story(
        listed=read_listed(attributes, address, now),
        history=item.history,
        letter=layout.read_letter(body) if body else None,
        lease_ends=item.ends if item.state is State.RUNNING else None,
        due=item.due,
        original=layout.read_letter(original) if original else None,
        edited=_edited(edited["M"]) if edited else None,
        replayed=read_replayed(attributes),
    )


def standing(attributes: Mapping[str, Any], now: datetime) -> State:
    """The state of an item: a claim that has ended without a message leaves the dead letter that was there before."""
    state = State(attributes["state"]["S"])
    due = attributes.get("due")
    if state is State.REPLAYING and (due is None or layout.read_time(due) <= now):
        return State.DEAD
    return state


def _fault(attributes: Mapping[str, Any]) -> Fault | None:
    """Whose fault the last error is: the pipeline's where nothing else was kept."""
    if "fault" in attributes:
        return Fault(attributes["fault"]["S"])
    return Fault.PIPELINE if "error_type" in attributes or "reason" in attributes else None


def _edited(value: Mapping[str, Any]) -> Edited:
    return Edited(at=layout.read_time(value["at"]), by=value["by"]["S"])


def read_replayed(attributes: Mapping[str, Any]) -> tuple[Replayed, ...]:
    """What is on record of an item's replays, `r1` first."""
    value = attributes.get("replayed", {"M": {}})["M"]
    return tuple(
        Replayed(
            replay=each["M"]["replay"]["S"],
            at=layout.read_time(each["M"]["at"]),
            by=each["M"]["by"]["S"],
            reason=each["M"]["reason"]["S"] if "reason" in each["M"] else None,
            again=each["M"].get("again", {"BOOL": False})["BOOL"],
        )
        for _, each in sorted(value.items(), key=lambda named: int(named[0].removeprefix("r")))
    )
