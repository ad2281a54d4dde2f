"""The inbox: plays the subscriber's endpoint, keeps what arrives and answers as it is told.

POST   /<any path>   a delivery
GET    /deliveries   what arrived; `?match=text` only deliveries with this text in the body
DELETE /deliveries   forget what arrived
PUT    /behaviour    how to answer from now on
"""

from __future__ import annotations

import base64
import threading
import time
from collections import deque
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Annotated
from urllib.parse import parse_qs, urlsplit

import msgspec

from infra.local.environment import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Iterator

Status = Annotated[int, msgspec.Meta(ge=200, le=599)]
Text = Annotated[str, msgspec.Meta(pattern=r"^[^\r\n]*$")]
HeaderName = Annotated[str, msgspec.Meta(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]

DELIVERIES = "/deliveries"
BEHAVIOUR = "/behaviour"
_OURS = frozenset({"content-length", "transfer-encoding", "connection"})
_WITHOUT_BODY = frozenset({204, 304})


class Behaviour(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """How to answer: one status after the other, the last one stays.

    `headers` go with every answer.  With `match`, it is for the deliveries that have this text
    in their body, and goes before the one without.
    """

    statuses: Annotated[tuple[Status, ...], msgspec.Meta(min_length=1)] = (200,)
    headers: dict[HeaderName, Text] = {}
    delay_seconds: Annotated[float, msgspec.Meta(ge=0, le=60)] = 0
    match: Annotated[str, msgspec.Meta(min_length=1)] | None = None

    def __post_init__(self) -> None:
        refused = sorted(name for name in self.headers if name.lower() in _OURS)
        if refused:
            raise ValueError(f"the inbox sets {', '.join(refused)} itself")


class Answer(msgspec.Struct, frozen=True):
    """What one delivery is answered."""

    status: int
    headers: dict[str, str]
    delay_seconds: float


class Delivery(msgspec.Struct, frozen=True):
    """What arrived, byte for byte, and what it was answered.  `body` is null where it isn't UTF-8."""

    received_at: str
    method: str
    path: str
    headers: dict[str, str]
    body: str | None
    body_base64: str
    status: int


class Inbox:
    """What arrived and what to answer, shared by the threads that serve requests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._deliveries: list[tuple[bytes, Delivery]] = []
        self._plans: dict[str | None, _Plan] = {None: _Plan(Behaviour())}

    def behave(self, behaviour: Behaviour) -> None:
        """Answer like this from now on."""
        with self._lock:
            self._plans[behaviour.match] = _Plan(behaviour)

    def take(self, *, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """Keep a delivery and say how to answer it."""
        with self._lock:
            answer = self._plan_for(body).next_answer()
            delivery = Delivery(
                received_at=datetime.now(UTC).isoformat(),
                method=method,
                path=path,
                headers=headers,
                body=_as_text(body),
                body_base64=base64.b64encode(body).decode("ascii"),
                status=answer.status,
            )
            self._deliveries.append((body, delivery))
        return answer

    def deliveries(self, match: str = "") -> list[Delivery]:
        """What arrived, in order, with this text in the body."""
        wanted = match.encode()
        with self._lock:
            return [delivery for body, delivery in self._deliveries if wanted in body]

    def forget(self) -> None:
        """As if nothing had arrived."""
        with self._lock:
            self._deliveries.clear()

    def _plan_for(self, body: bytes) -> _Plan:
        for match, plan in self._plans.items():
            if match is not None and match.encode() in body:
                return plan
        return self._plans[None]


class _Plan:
    """A behaviour and how far its statuses are used up."""

    def __init__(self, behaviour: Behaviour) -> None:
        self._behaviour = behaviour
        self._statuses = deque(behaviour.statuses)

    def next_answer(self) -> Answer:
        status = self._statuses.popleft() if len(self._statuses) > 1 else self._statuses[0]
        return Answer(
            status=status, headers=self._behaviour.headers, delay_seconds=self._behaviour.delay_seconds
        )


@contextmanager
def serving(inbox: Inbox) -> Iterator[str]:
    """Serve an inbox on a free loopback port, at the URL that this yields, while the block runs."""
    server = _Server((LOOPBACK, 0), type("Handler", (_Handler,), {"inbox": inbox}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128


class _Handler(BaseHTTPRequestHandler):
    inbox: Inbox
    protocol_version = "HTTP/1.1"
    server_version = "headworks-inbox"
    timeout = 60

    def do_GET(self) -> None:
        if self._path != DELIVERIES:
            return self._refuse(404, f"the inbox lists its deliveries at GET {DELIVERIES}")
        match = parse_qs(urlsplit(self.path).query).get("match", [""])[0]
        return self._answer(200, msgspec.json.encode(self.inbox.deliveries(match)))

    def do_DELETE(self) -> None:
        if self._path != DELIVERIES:
            return self._refuse(404, f"the inbox forgets its deliveries at DELETE {DELIVERIES}")
        self.inbox.forget()
        return self._answer(204)

    def do_PUT(self) -> None:
        body = self._body()
        if self._path != BEHAVIOUR:
            return self._refuse(404, f"the inbox is told how to answer at PUT {BEHAVIOUR}")
        try:
            behaviour = msgspec.json.decode(body, type=Behaviour)
        except msgspec.MsgspecError as error:
            return self._refuse(400, str(error))
        self.inbox.behave(behaviour)
        return self._answer(200, msgspec.json.encode(behaviour))

    def do_POST(self) -> None:
        body = self._body()
        if self._path in (DELIVERIES, BEHAVIOUR):
            return self._refuse(405, f"{self._path} steers the inbox; deliveries go to any other path")
        headers = {name.lower(): ", ".join(self.headers.get_all(name, ())) for name in self.headers}
        answer = self.inbox.take(method=self.command, path=self.path, headers=headers, body=body)
        time.sleep(answer.delay_seconds)
        return self._answer(answer.status, msgspec.json.encode({"status": answer.status}), answer.headers)

    @property
    def _path(self) -> str:
        return urlsplit(self.path).path

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def _refuse(self, status: int, detail: str) -> None:
        problem = {
            "type": "about:blank",
            "title": self.responses[status][0],
            "status": status,
            "detail": detail,
        }
        self._answer(status, msgspec.json.encode(problem), {"Content-Type": "application/problem+json"})

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        if status not in _WITHOUT_BODY:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status not in _WITHOUT_BODY:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Say nothing: the timeline tells what happens."""


def _as_text(body: bytes) -> str | None:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return None
