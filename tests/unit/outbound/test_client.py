"""What the guarded client sends, and what it takes for an answer."""

from __future__ import annotations

import gzip
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from headworks.outbound.client import GuardedClient
from headworks.outbound.errors import (
    RequestRefused,
)
from tests.unit.outbound.exchanges import head, post
from tests.unit.outbound.server import OK, Peer, keeping_open, replying

if TYPE_CHECKING:
    from tests.unit.outbound.conftest import Serve

METADATA = "http://169.254.169.254/latest/meta-data/"


# What goes out


def test_a_request_arrives_with_its_headers_and_its_body_byte_for_byte(
    client: GuardedClient, serve: Serve
) -> None:
    server = serve(replying(OK))
    body = bytes(range(256))

    post(client, server.url + "?a=1&b=%20", body, headers={"webhook-id": "msg_1", "content-type": "x/y"})

    sent_head, _, sent_body = server.requests[0].partition(b"\r\n\r\n")
    lines = sent_head.decode().split("\r\n")
    assert sent_body == body
    assert lines[0] == "POST /hook?a=1&b=%20 HTTP/1.1"
    assert {f"Host: 127.0.0.1:{server.port}", "Content-Length: 256"} <= set(lines)
    assert {"webhook-id: msg_1", "content-type: x/y", "Accept-Encoding: identity"} <= set(lines)


def test_an_empty_body_is_sent_as_one(client: GuardedClient, serve: Serve) -> None:
    server = serve(replying(OK))

    post(client, server.url, b"")

    assert b"Content-Length: 0\r\n" in server.requests[0]


def test_proxies_of_the_environment_are_not_used(
    client: GuardedClient, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(replying(OK))
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
    server = serve(replying(OK))

    post(client, server.url)

    assert proxy.connections == 0


# What comes back


def test_an_answer_has_its_status_headers_body_and_duration(client: GuardedClient, serve: Serve) -> None:
    server = serve(
        replying(head("201 Created", "X-One: 1", "X-Two: a", "x-two: b", "Content-Length: 2") + b"ok")
    )

    answer = post(client, server.url)

    assert (answer.status, answer.body_excerpt) == (201, b"ok")
    assert answer.headers == {"x-one": "1", "x-two": "a, b", "content-length": "2"}
    assert timedelta(0) < answer.duration < timedelta(seconds=5)


@pytest.mark.parametrize(
    ("reply", "status", "excerpt"),
    [
        (head("204 No Content"), 204, b""),
        (head("200 OK", "Content-Length: 0"), 200, b""),
        (head("200 OK") + b"until the end", 200, b"until the end"),
        (b"HTTP/1.0 200 OK\r\n\r\nold", 200, b"old"),
        (
            head("200 OK", "Transfer-Encoding: chunked") + b"2\r\nab\r\n1;x=y\r\nc\r\n0\r\nT: 1\r\n\r\n",
            200,
            b"abc",
        ),
        (head("100 Continue") + OK, 200, b"ok"),
        (head("503 Busy", "Content-Length: 4") + b"busy", 503, b"busy"),
        (head("200 OK", "Content-Length: 100") + b"cut", 200, b"cut"),
        (head("200 OK", "Content-Length: many") + b"x", 200, b"x"),
        (head("200 OK", "Transfer-Encoding: chunked") + b"5\r\nab", 200, b"ab"),
        (head("200 OK", "Transfer-Encoding: chunked") + b"zz\r\nab", 200, b""),
        (head("200 OK", "Transfer-Encoding: chunked") + b"2\r\nab\r\n-5\r\nabcde", 200, b"ababcde"),
    ],
)
def test_an_answer_may_be_framed_in_any_way_or_break_off(
    client: GuardedClient, serve: Serve, reply: bytes, status: int, excerpt: bytes
) -> None:
    server = serve(replying(reply))

    answer = post(client, server.url)

    assert (answer.status, answer.body_excerpt) == (status, excerpt)


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"]
)
def test_a_redirect_is_an_answer_and_not_followed(client: GuardedClient, serve: Serve, status: str) -> None:
    server = serve(replying(head(status, f"Location: {METADATA}", "Content-Length: 0")))

    answer = post(client, server.url)

    assert answer.status == int(status[:3])
    assert answer.headers["location"] == METADATA
    assert len(server.requests) == 1


def test_a_busy_answer_is_not_tried_again(client: GuardedClient, serve: Serve) -> None:
    server = serve(keeping_open(head("503 Busy", "Retry-After: 0", "Content-Length: 0")))

    assert post(client, server.url).status == 503
    assert len(server.requests) == 1


def test_a_cookie_is_not_kept(client: GuardedClient, serve: Serve) -> None:
    server = serve(keeping_open(head("200 OK", "Set-Cookie: session=1; Path=/", "Content-Length: 0")))

    post(client, server.url)
    post(client, server.url)

    assert b"session" not in server.requests[1]


def test_a_compressed_body_stays_compressed(client: GuardedClient, serve: Serve) -> None:
    bomb = gzip.compress(bytes(10_000_000))
    server = serve(replying(head("200 OK", "Content-Encoding: gzip", f"Content-Length: {len(bomb)}") + bomb))

    answer = post(client, server.url, limit=50)

    assert answer.body_excerpt == bomb[:50]


def test_an_endless_body_is_read_up_to_the_limit(client: GuardedClient, serve: Serve) -> None:
    def endless(peer: Peer) -> None:
        peer.request()
        peer.send(head("200 OK", "Content-Length: 99999999999"))
        while True:
            peer.send(b"x" * 65536)

    server = serve(endless)

    answer = post(client, server.url, limit=1000)

    assert answer.body_excerpt == b"x" * 1000


@pytest.mark.parametrize("framing", [b"1;" + b"x" * 1000 + b"\r\na\r\n", b"0\r\n" + b"X: y\r\n" * 1000])
def test_endless_framing_around_a_small_body_comes_to_an_end(
    client: GuardedClient, serve: Serve, framing: bytes
) -> None:
    def endless(peer: Peer) -> None:
        peer.request()
        peer.send(head("200 OK", "Transfer-Encoding: chunked") + framing)
        while True:
            peer.send(framing.removeprefix(b"0\r\n"))

    server = serve(endless)

    answer = post(client, server.url, limit=1000)

    assert answer.status == 200
    assert len(answer.body_excerpt) < 1000


def test_with_a_limit_of_nothing_the_body_is_not_read(client: GuardedClient, serve: Serve) -> None:
    assert post(client, serve(replying(OK)).url, limit=0).body_excerpt == b""


# What is never sent


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("POST / HTTP/1.1\r\nX: y\r\n\r\nGET", {}),
        ("POST", {"x": "a\r\nwebhook-id: other"}),
        ("POST", {"x\r\ny": "a"}),
        ("POST", {"x": "\u20ac SECRET"}),
        ("POST", {"": "a"}),
        ("POST", {"SECRET\u20ac": "a"}),
    ],
)
def test_what_http_cannot_carry_is_refused_and_not_sent(
    client: GuardedClient, serve: Serve, method: str, headers: dict[str, str]
) -> None:
    server = serve(keeping_open())

    with pytest.raises(RequestRefused, match="HTTP can't carry") as refused:
        client.send(
            method,
            server.url,
            body=b"",
            headers=headers,
            timeout=timedelta(seconds=5),
            response_limit_bytes=10,
        )

    assert server.requests == []
    assert "SECRET" not in str(refused.value)


# Many at once


def test_deliveries_from_several_threads_get_each_its_own_answer(client: GuardedClient, serve: Serve) -> None:
    everybody = threading.Barrier(8, timeout=5)

    def echo(peer: Peer) -> None:
        while request := peer.request():
            body = request.partition(b"\r\n\r\n")[2]
            if body.startswith(b"first"):
                everybody.wait()
            peer.send(head("200 OK", f"Content-Length: {len(body)}") + body)

    server = serve(echo)

    def deliver(number: int) -> list[bytes]:
        bodies = [f"first {number}".encode(), *(f"then {number} {turn}".encode() for turn in range(20))]
        assert [post(client, server.url, body).body_excerpt for body in bodies] == bodies
        return bodies

    with ThreadPoolExecutor(8) as pool:
        sent = [body for bodies in pool.map(deliver, range(8)) for body in bodies]

    assert sorted(request.partition(b"\r\n\r\n")[2] for request in server.requests) == sorted(sent)
