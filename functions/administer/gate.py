"""What every request passes first: a valid token, and a body that is a JSON object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from administer.nesting import DEEPEST, is_too_deep
from headworks.http_api import bad_request, read_request, require_bearer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """`tokens` are the bearer tokens that are valid now."""

    tokens: Callable[[], Sequence[str]]

    def let_in(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """The event as routes take it: a body is JSON in UTF-8, whatever type it was sent as.

        Raises `Problem` and `Unavailable`.  Nothing but the headers is looked at before the token is known.
        """
        require_bearer(read_request({**event, "body": ""}), self.tokens())
        body = read_request(event).body
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        return {
            **event,
            **_cleaned(event),
            "headers": {**headers, "content-type": "application/json"},
            "body": _object(body) if body.strip() else None,
            "isBase64Encoded": False,
        }


def _cleaned(event: Mapping[str, Any]) -> dict[str, Any]:
    """Path and query, without the halves of surrogate pairs that can be in an event and in no store."""
    query = event.get("queryStringParameters") or {}
    return {
        "rawPath": _clean(event.get("rawPath", "")),
        "queryStringParameters": {_clean(name): _clean(value) for name, value in query.items()},
    }


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _object(body: bytes) -> str:
    """The text of a body that is a JSON object.  Raises `Problem`."""
    try:
        document = msgspec.json.decode(body)
    except (ValueError, RecursionError) as error:
        raise bad_request(f"The body isn't JSON: {error}.") from error
    if not isinstance(document, dict):
        raise bad_request(f"The body is a JSON {_kind(document)}; send an object.")
    if is_too_deep(document):
        raise bad_request(f"The body is nested deeper than {DEEPEST} levels.")
    return msgspec.json.encode(document).decode()


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case list():
            return "array"
    return "number"
