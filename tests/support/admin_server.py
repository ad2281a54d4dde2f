"""The fake admin API on loopback."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.admin_api import AdminApi
from tests.support.admin_documents import Problem, Request

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "admin-token-of-the-test"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        server: AdminApi = self.server.admin
        parts = urlsplit(self.path)
        length = int(self.headers.get("content-length", 0))
        path = tuple(unquote(part) for part in parts.path.split("/")[1:])
        request = Request(
            self.command,
            path[1:],
            parse_qs(parts.query),
            json.loads(self.rfile.read(length)) if length else None,
            self.headers.get("headworks-operator", ""),
        )
        server.requests.append(request)
        try:
            self._send(*self._planned(server, request))
        except Problem as problem:
            document = {
                "type": "about:blank",
                "title": "",
                "status": problem.status,
                "detail": problem.detail,
            }
            content = json.dumps(document).encode()
            self._send(problem.status, "application/problem+json", content, **problem.headers)

    def _planned(self, server: AdminApi, request: Request) -> tuple[int, str, bytes]:
        if self.headers.get("authorization") != f"Bearer {TOKEN}":
            raise Problem(401, "A bearer token is needed.")
        for plan in server.planned:
            if plan[0] == self.command:
                server.planned.remove(plan)
                if isinstance(plan[1], Problem):
                    raise plan[1]
                return plan[1]
        status, document = server.answer(request)
        return status, "application/json", json.dumps(document).encode()

    def _send(self, status: int, content_type: str, content: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {
            "content-type": content_type,
            "content-length": str(len(content)),
            **headers,
        }.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - what http.server calls

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - its name there
        pass


class AdminServer(ThreadingHTTPServer):
    """An admin API that can be replaced by a new one from test to test."""

    daemon_threads = True
    admin: AdminApi

    def renewed(self) -> AdminApi:
        """A pipeline in which nothing has happened yet."""
        self.admin = AdminApi(endpoint=f"http://127.0.0.1:{self.server_port}")
        return self.admin


@contextmanager
def serving_admin() -> Iterator[AdminServer]:
    """An admin API, while the block runs."""
    with AdminServer(("127.0.0.1", 0), _Handler) as server:
        server.renewed()
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
