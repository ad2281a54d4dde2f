"""Everything that the API does: each operation's route, what does it, and how it may be answered."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, get_type_hints

from aws_lambda_powertools.event_handler.openapi.params import Query
from pydantic import BaseModel

from administer.documents.problem import ProblemDetails, TooManyRequests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

PROBLEM_JSON = "application/problem+json"
# Whatever is asked for, it may be answered by one of these.
_ALWAYS = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
_MEANINGS = {
    HTTPStatus.OK: "Done.",
    HTTPStatus.ACCEPTED: "It goes on.",
    HTTPStatus.BAD_REQUEST: "What is asked can't be, and why.",
    HTTPStatus.UNAUTHORIZED: "No valid token.",
    HTTPStatus.NOT_FOUND: "Nothing is called that.",
    HTTPStatus.CONFLICT: "Not in the state that it is in now.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "A body over 4 MiB.",
    HTTPStatus.TOO_MANY_REQUESTS: "The HTTP API's own limits; ask again.",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something went wrong here.",
    HTTPStatus.SERVICE_UNAVAILABLE: "What is asked for can't be reached now; ask again after `Retry-After`.",
}

_HEADERS: dict[HTTPStatus, dict[str, Any]] = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": {"required": True, "schema": {"const": "Bearer"}}},
    HTTPStatus.SERVICE_UNAVAILABLE: {
        "Retry-After": {"required": True, "description": "Seconds.", "schema": {"type": "integer"}}
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation: `done` and `refused` are the statuses of its answers, beside those that any may have."""

    id: str
    method: str
    path: str
    does: Callable[..., Any]
    done: tuple[HTTPStatus, ...] = (HTTPStatus.OK,)
    refused: tuple[HTTPStatus, ...] = ()

    @property
    def changes_something(self) -> bool:
        """Whether it does more than to tell."""
        return self.method != "GET"

    def add_to(self, resolver: APIGatewayHttpResolver) -> None:
        """Let a resolver route to it."""
        rule = self.path.replace("{", "<").replace("}", ">")
        add = resolver.route(
            rule, self.method, operation_id=self.id, summary=self.summary, responses=self.answers
        )
        add(self.does)

    def is_at(self, path: str) -> bool:
        """Whether it has this path, by whatever method."""
        return re.fullmatch(re.sub(r"{\w+}", "[^/]+", self.path), path) is not None

    @property
    def query(self) -> frozenset[str]:
        """The names that its query string may have."""
        hints = get_type_hints(self.does, include_extras=True).items()
        queries = [(name, hint.__origin__) for name, hint in hints if _is_query(hint)]
        return frozenset(each for name, kind in queries for each in _names(name, kind))

    @property
    def summary(self) -> str:
        """What it does, as its code says it."""
        first = (self.does.__doc__ or "").strip().splitlines()[0]
        return first.split(".  ")[0].rstrip(".")

    @property
    def answers(self) -> dict[int, Any]:
        """Its answers as the resolver documents them."""
        done: dict[int, Any] = {int(status): {"description": _MEANINGS[status]} for status in self.done}
        return (
            done | {int(status): _refusal(status) for status in _sorted(self.refused, _ALWAYS)} | _THROTTLED
        )


def _is_query(hint: Any) -> bool:
    return any(isinstance(each, Query) for each in getattr(hint, "__metadata__", ()))


def _names(name: str, kind: Any) -> list[str]:
    """A parameter's own name, or those of all that it holds."""
    if not (isinstance(kind, type) and issubclass(kind, BaseModel)):
        return [name]
    return [field.alias or own for own, field in kind.model_fields.items()]


def _sorted(*statuses: Iterable[HTTPStatus]) -> list[HTTPStatus]:
    return sorted({status for some in statuses for status in some})


def _refusal(status: HTTPStatus) -> dict[str, Any]:
    return {
        "description": _MEANINGS[status],
        "content": {PROBLEM_JSON: {"model": ProblemDetails}},
        "headers": _HEADERS.get(status, {}),
    }


_THROTTLED = {
    int(HTTPStatus.TOO_MANY_REQUESTS): {
        "description": _MEANINGS[HTTPStatus.TOO_MANY_REQUESTS],
        "content": {"application/json": {"model": TooManyRequests}},
    }
}
