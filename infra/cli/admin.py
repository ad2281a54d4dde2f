"""The admin API's client: requests as docs/admin_api.md has them, trouble as sentences."""

from __future__ import annotations

import getpass
import json
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec
import urllib3

from headworks.errors import HeadworksError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

# An HTTP API answers within 30 seconds, whatever becomes of the function behind it.
TIMEOUT = urllib3.Timeout(connect=5, read=35)
LONGEST_OPERATOR = 100
TRIES = 4
LONGEST_PAUSE_SECONDS = 5.0
_TOO_BUSY = frozenset({429, 503})
_CANNOT_BE_ANSWERED = frozenset({400, 405, 413})


class AdminError(HeadworksError):
    """The admin API did something else than was asked; the text is for the person at the terminal."""


class NoAnswer(AdminError):
    """Nobody answered, or somebody else did."""


class Refused(AdminError):
    """The API says in a problem document why it won't."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class CannotBeAnswered(Refused):
    """The request was wrong: asking again won't help."""


class Unknown(Refused):
    """There is nothing of that name."""


@dataclass(frozen=True, slots=True)
class Document:
    """An answer: as it came, and as what it is."""

    raw: bytes
    status: int = 200

    @classmethod
    def of(cls, members: Mapping[str, Any]) -> Document:
        """An answer that was put together of several."""
        return cls(json.dumps(members).encode())

    def read(self, type_: type[T]) -> T:
        """The answer as one of `infra.cli.answers`.  Raises `NoAnswer` where it isn't that."""
        try:
            return msgspec.json.decode(self.raw, type=type_)
        except msgspec.DecodeError as error:
            raise NoAnswer(f"the admin API's answer isn't a {type_.__name__}: {error}") from error

    @property
    def members(self) -> dict[str, Any]:
        """All of it, members that aren't known here, too."""
        found: dict[str, Any] = json.loads(self.raw)
        return found

    @property
    def text(self) -> str:
        """All of it as one line of ASCII: nothing in it can steer a terminal."""
        return json.dumps(self.members)


@dataclass(frozen=True, slots=True, kw_only=True)
class Admin:
    """The admin API of one pipeline.  Its token is in no text of it.

    Where the API is busy, requests that may be repeated are.
    """

    endpoint: str
    token: str = field(repr=False)
    operator: str = ""
    http: urllib3.PoolManager = field(
        default_factory=lambda: urllib3.PoolManager(retries=False, timeout=TIMEOUT), repr=False
    )
    pause: Callable[[float], None] = time.sleep

    def get(self, *path: str, **query: Any) -> Document:
        """What is there."""
        return self._asked("GET", path, query=query, tries=TRIES)

    def post(
        self, *path: str, body: Mapping[str, Any] | None = None, may_be_repeated: bool = False
    ) -> Document:
        """Have something done."""
        return self._asked("POST", path, body=body or {}, tries=TRIES if may_be_repeated else 1)

    def put(self, *path: str, body: Mapping[str, Any], **query: Any) -> Document:
        """Replace something; twice is as good as once."""
        return self._asked("PUT", path, query=query, body=body, tries=TRIES)

    def delete(self, *path: str, **query: Any) -> Document:
        """Take something away."""
        return self._asked("DELETE", path, query=query)

    def _asked(
        self,
        method: str,
        path: tuple[str, ...],
        *,
        query: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        tries: int = 1,
    ) -> Document:
        url = "/".join((self.endpoint.rstrip("/"), "admin", *(quote(part, safe="") for part in path)))
        if pairs := _pairs(query or {}):
            url = f"{url}?{urlencode(pairs)}"
        while True:
            response = self._answered(method, url, body)
            tries -= 1
            if response.status not in _TOO_BUSY or not tries:
                return _document(response)
            self.pause(_asked_pause(response))

    def _answered(self, method: str, url: str, body: Mapping[str, Any] | None) -> urllib3.BaseHTTPResponse:
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Headworks-Operator": self.operator or operator(),
            "Accept": "application/json, application/problem+json",
        }
        try:
            if body is None:
                return self.http.request(method, url, headers=headers)
            return self.http.request(method, url, json=body, headers=headers)
        except urllib3.exceptions.HTTPError as error:
            raise NoAnswer(f"the admin API at {self.endpoint} doesn't answer: {_why(error)}") from error


def operator() -> str:
    """Who is on record for what is done: the user and the machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "somebody"
    name = f"{user}@{socket.gethostname()}"
    return "".join(each if each.isascii() and each.isprintable() else "?" for each in name)[:LONGEST_OPERATOR]


def _pairs(query: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A query's members in order; lists repeat their name, what is none is left out."""
    found = []
    for name, value in query.items():
        values = value if isinstance(value, list | tuple) else [value]
        found += [(name, _written(each)) for each in values if each is not None]
    return found


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _document(response: urllib3.BaseHTTPResponse) -> Document:
    """The answer, if it is one; raises the error that it tells of otherwise."""
    content_type = response.headers.get("content-type", "")
    if 200 <= response.status < 300:
        if "json" in content_type:
            return Document(response.data, response.status)
        raise NoAnswer(f"the endpoint answered {response.status} with something that isn't JSON")
    detail = _detail(response)
    if detail is None:
        raise NoAnswer(
            f"the endpoint answered {response.status}, and not as an admin API: is it deployed there?"
        )
    match response.status:
        case 401:
            raise Refused(401, f"the admin API refuses the token ({detail})")
        case 404:
            raise Unknown(404, detail)
        case status if status in _CANNOT_BE_ANSWERED:
            raise CannotBeAnswered(status, detail)
        case status:
            raise Refused(status, detail)


def _detail(response: urllib3.BaseHTTPResponse) -> str | None:
    try:
        problem = msgspec.json.decode(response.data, type=dict[str, Any])
    except msgspec.DecodeError:
        return None
    detail = problem.get("detail") or problem.get("title")
    if response.status in _TOO_BUSY:
        # The HTTP API's own: it limits, or the function took too long.
        detail = detail or problem.get("message")
    return str(detail) if detail else None


def _asked_pause(response: urllib3.BaseHTTPResponse) -> float:
    asked = response.headers.get("retry-after", "")
    return min(float(asked) if asked.isdigit() else 1.0, LONGEST_PAUSE_SECONDS)


def _why(error: Exception) -> str:
    match error:
        case urllib3.exceptions.NewConnectionError():
            return "there is nobody to connect to"
        case urllib3.exceptions.TimeoutError():
            return "it took too long"
    return str(error)
