"""What identifies a verified event: the provider's own id of it, and its type."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headworks.errors import HeadworksError, excerpt
from headworks.webhooks.sources import InBody, InHeader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headworks.webhooks.sources import Place, Source

# Ids and types become parts of keys, and keys have limits.
LONGEST_NAME_BYTES = 256
UNKNOWN_TYPE = "unknown"


class UnexpectedShape(HeadworksError):
    """A verified event that doesn't look as its source's events do.  To be kept, never refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Which event this is.  An event without a type is of the type `unknown`: `*` routes take it."""

    event_id: str
    event_type: str


def identify(source: Source, headers: Mapping[str, str], body: bytes) -> Identity:
    """Read the id and the type from where the source says they stand (header names in lower case).

    Raises `UnexpectedShape` where the id is missing, or one of them can't serve as a name.
    """
    places = (source.event_id, source.event_type)
    document = _document(body) if any(isinstance(place, InBody) for place in places) else None
    event_id = _read(source.event_id, headers, document)
    event_type = _read(source.event_type, headers, document)
    if event_id is None:
        raise UnexpectedShape(f"the event has no id: {_described(source.event_id)} is missing")
    return Identity(
        event_id=_name("id", event_id),
        event_type=UNKNOWN_TYPE if event_type is None else _name("type", event_type),
    )


def event_key(source: str, event_id: str, *, endpoint: str | None) -> str:
    """The idempotency key of an event on one of its ways: each has its own, so that a repeat completes what is missing."""
    key = f"{source}:{event_id}"
    return key if endpoint is None else f"{key}/{endpoint}"


def _document(body: bytes) -> dict[str, Any]:
    # The standard parser, because it takes what providers do send and stricter ones refuse (half a
    # surrogate pair).  Numbers stay text: they are ids here, and a huge one is no trouble.
    try:
        document = json.loads(body, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise UnexpectedShape(f"the body can't be read as JSON: {type(error).__name__}") from error
    if not isinstance(document, dict):
        raise UnexpectedShape("the body isn't a JSON object")
    return document


def _read(place: Place, headers: Mapping[str, str], document: dict[str, Any] | None) -> object:
    if isinstance(place, InHeader):
        return headers.get(place.name) or headers.get(place.alias or place.name) or None
    value: object = document
    for step in place.path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _name(what: str, value: object) -> str:
    if not isinstance(value, str):
        raise UnexpectedShape(f"the event's {what} isn't a string")
    # What is printable can be encoded, too: half a surrogate pair isn't.
    if (
        not value.isprintable()
        or value != value.strip()
        or not 1 <= len(value.encode()) <= LONGEST_NAME_BYTES
    ):
        raise UnexpectedShape(
            f"the event's {what} {excerpt(value)} isn't 1 to {LONGEST_NAME_BYTES} printable bytes"
        )
    return value


def _described(place: Place) -> str:
    return f"the header {place.name}" if isinstance(place, InHeader) else f"{place.path} in the body"
