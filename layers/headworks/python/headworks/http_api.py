"""HTTP in and out of a function: API Gateway's payload 2.0, and problem details (RFC 9457)."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from headworks.errors import LONGEST_EXCERPT, HeadworksError, Unavailable
from headworks.message import new_traceparent
from headworks.telemetry import Action

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from headworks.telemetry import Log

# Lambda takes 6 MB a call, a third of which base64 may add to a binary body.
BODY_LIMIT_BYTES = 4 * 1024 * 1024
RETRY_AFTER = timedelta(seconds=5)
LONGEST_DETAIL = 500

_JSON = "application/json"
_PROBLEM_JSON = "application/problem+json"
# Version 00 of W3C Trace Context, whose ids are never all zeros.
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request: header names in lower case, the body's bytes as the client sent them.

    `traceparent` is the trace that the client is in, or one that begins here.
    """

    method: str = "POST"
    path_parameters: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    traceparent: str = field(default_factory=new_traceparent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer with a JSON body, or with none."""

    status: HTTPStatus
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_event(self) -> dict[str, Any]:
        """The answer as payload 2.0 wants it."""
        if self.body is None:
            return {"statusCode": int(self.status), "headers": dict(self.headers)}
        return {
            "statusCode": int(self.status),
            "headers": {"content-type": _JSON, **self.headers},
            "body": json.dumps(self.body),
        }


class Problem(HeadworksError):
    """A request that is answered with an error: what was wrong, in a sentence and without internals.

    `members` are extension members of the problem's document.
    """

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}
        self.members = members or {}

    def to_response(self) -> Response:
        """The answer that tells it."""
        document = {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": int(self.status),
            "detail": self.detail,
        }
        return Response(
            status=self.status,
            body={**self.members, **document},
            headers={"content-type": _PROBLEM_JSON, **self.headers},
        )


def bad_request(detail: str) -> Problem:
    """The client's mistake; a detail that quotes what it sent is cut where it is long."""
    return Problem(HTTPStatus.BAD_REQUEST, detail[:LONGEST_DETAIL])


def unavailable(detail: str, *, members: Mapping[str, Any] | None = None) -> Problem:
    """Our trouble, not the client's: it should come again."""
    retry_after = {"retry-after": str(int(RETRY_AFTER.total_seconds()))}
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers=retry_after, members=members)


def serve(
    respond: Callable[[Request], Response], *, log: Log
) -> Callable[[Mapping[str, Any], object], dict[str, Any]]:
    """A Lambda entry point for HTTP API events: the one place where errors become answers."""

    def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:
        log.begin(context)
        try:
            return respond(read_request(event)).to_event()
        except Problem as problem:
            # What we raised ourselves tells more than the problem may; what a library raised may quote the body.
            ours = isinstance(problem.__cause__, HeadworksError)
            answer, cause = problem, problem.__cause__ if ours else problem
        except Unavailable as error:
            answer, cause = unavailable("It can't be made durable now. Send it again."), error
        except Exception as error:  # noqa: BLE001 - the boundary: whatever happens, the client gets an answer
            answer, cause = Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong here."), error
        log(Action.REFUSED, error=cause, status=int(answer.status), **_asked_for(event))
        return answer.to_response().to_event()

    return handler


def read_request(event: Mapping[str, Any], *, body_limit_bytes: int = BODY_LIMIT_BYTES) -> Request:
    """The request in an HTTP API event.

    Raises `Problem`: 413 over the limit, 400 for base64 that isn't.  API Gateway sends names in lower
    case and repeated headers joined by commas; other senders of such events may not.
    """
    headers: dict[str, str] = {}
    for name, value in (event.get("headers") or {}).items():
        before = headers.get(name.lower())
        headers[name.lower()] = _clean(value) if before is None else f"{before},{_clean(value)}"
    traceparent = headers.get("traceparent", "")
    return Request(
        method=event.get("requestContext", {}).get("http", {}).get("method", "POST"),
        path_parameters={name: _clean(value) for name, value in (event.get("pathParameters") or {}).items()},
        headers=headers,
        body=_body(
            event.get("body") or "", is_base64=event.get("isBase64Encoded") is True, limit=body_limit_bytes
        ),
        traceparent=traceparent if _TRACEPARENT.fullmatch(traceparent) else new_traceparent(),
    )


def require_bearer(request: Request, tokens: Sequence[str]) -> None:
    """Return if the request carries one of these tokens.  Raises `Problem` 401.

    Compared as bytes, all of them, in a time that doesn't tell which one came near.
    """
    scheme, _, presented = request.headers.get("authorization", "").partition(" ")
    matches = [hmac.compare_digest(presented.strip().encode(), token.encode()) for token in tokens if token]
    if scheme.lower() != "bearer" or not any(matches):
        raise Problem(
            HTTPStatus.UNAUTHORIZED,
            "A valid bearer token is needed: `Authorization: Bearer <token>`.",
            headers={"www-authenticate": "Bearer"},
        )


def _asked_for(event: Mapping[str, Any]) -> dict[str, str]:
    names = event.get("pathParameters") or {}
    return {name: str(value)[:LONGEST_EXCERPT] for name, value in names.items()}


def _body(text: str, *, is_base64: bool, limit: int) -> bytes:
    # Looked at before it is decoded, so that a body far over the limit costs nothing.
    if len(text) > (limit + 2) // 3 * 4 if is_base64 else len(text) > limit:
        raise _too_large(limit)
    try:
        body = base64.b64decode(text, validate=True) if is_base64 else text.encode("utf-8", "surrogatepass")
    except (binascii.Error, ValueError) as error:
        raise Problem(
            HTTPStatus.BAD_REQUEST, "The body isn't the base64 that the event says it is."
        ) from error
    if len(body) > limit:
        raise _too_large(limit)
    return body


def _too_large(limit: int) -> Problem:
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body is over the limit of {limit:,} bytes.")


def _clean(value: str) -> str:
    # Half a surrogate pair can be in an event's JSON and in no output that we write.
    return value.encode("utf-8", "replace").decode()
