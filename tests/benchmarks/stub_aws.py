"""A DynamoDB that answers every call alike after 5 ms: for measuring clients, in a process of its own.

Stateless: to it every key is new and every condition holds.  So a benchmark sends new keys only.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ANSWER_AFTER_SECONDS = 0.005
LOOPBACK = "127.0.0.1"


@contextmanager
def running_stub() -> Iterator[str]:
    """The stub while the block runs; answers its URL."""
    with subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield f"http://{LOOPBACK}:{int(process.stdout.readline())}"
        finally:
            process.kill()


def pointed_at(url: str) -> None:
    """Have every AWS client that is made from here on talk to the stub."""
    os.environ |= {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "benchmark",
        "AWS_SECRET_ACCESS_KEY": "benchmark",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_MAX_ATTEMPTS": "1",
    }


def _nothing(_request: Mapping[str, Any]) -> Any:
    return {}


def _every_statement(request: Mapping[str, Any]) -> Any:
    return {"Responses": [{"TableName": "ledger"} for _ in request["Statements"]]}


ANSWERS: dict[str, Callable[[Mapping[str, Any]], Any]] = {
    "DynamoDB_20120810.BatchExecuteStatement": _every_statement,
    "DynamoDB_20120810.PutItem": _nothing,
    "DynamoDB_20120810.UpdateItem": _nothing,
}


class _Connection(asyncio.Protocol):
    """One kept-alive HTTP/1.1 connection whose requests come one after the other."""

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        headers = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
        headers = {name.lower(): value for name, value in headers.items()}
        if headers.get(b"expect") == b"100-continue":
            raise NotImplementedError("an upload that asks first")
        if len(body) < int(headers.get(b"content-length", 0)):
            return
        self._received = b""
        answer = _answer(headers[b"x-amz-target"].decode(), body)
        asyncio.get_running_loop().call_later(ANSWER_AFTER_SECONDS, self._transport.write, answer)


def _answer(target: str, body: bytes) -> bytes:
    status, content = "200 OK", msgspec.json.encode(ANSWERS[target](msgspec.json.decode(body)))
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Connection, LOOPBACK, 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        # Whoever started it holds the other end, and is gone when that closes.
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve())
