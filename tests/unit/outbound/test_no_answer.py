"""Servers that don't answer, and how long the guarded client lets them keep it."""

from __future__ import annotations

import logging
import socket
import struct
import threading
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from headworks.outbound.client import GuardedClient
from headworks.outbound.errors import ConnectionFailed, OutboundError, TimedOut
from tests.unit.outbound.conftest import LOOPBACK
from tests.unit.outbound.exchanges import BRIEFLY, SOON_AFTER_SECONDS, head, post
from tests.unit.outbound.server import Peer, resolver_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.outbound.conftest import Serve


def reset(peer: Peer) -> None:
    """Hang up the rude way, with a reset."""
    peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def silent(peer: Peer) -> None:
    peer.request()
    peer.say_nothing()


def never_reading(peer: Peer) -> None:
    peer.say_nothing()


def dripping_a_status(peer: Peer) -> None:
    peer.request()
    peer.drip(b"HTTP/1.1 200 " + b"O" * 5000)


def dripping_headers(peer: Peer) -> None:
    peer.request()
    peer.send(b"HTTP/1.1 200 OK\r\n")
    peer.drip(b"a: b\r\n" * 5000)


def dripping_continues(peer: Peer) -> None:
    peer.request()
    peer.drip(b"HTTP/1.1 100 Continue\r\n\r\n" * 5000)


@pytest.mark.parametrize(
    "behave", [silent, never_reading, dripping_a_status, dripping_headers, dripping_continues]
)
def test_a_server_without_a_whole_head_in_time_has_not_answered(
    client: GuardedClient, serve: Serve, behave: Callable[[Peer], None]
) -> None:
    server = serve(behave)
    started = monotonic()

    with pytest.raises(TimedOut, match=f"http://127.0.0.1:{server.port} gave no answer within 0.3 s"):
        post(client, server.url, body=bytes(20_000_000), timeout=BRIEFLY)

    assert monotonic() - started < SOON_AFTER_SECONDS


def test_a_dripping_body_costs_no_more_than_the_time_there_is_and_the_status_counts(
    client: GuardedClient, serve: Serve
) -> None:
    def dripping_a_body(peer: Peer) -> None:
        peer.request()
        peer.send(head("200 OK", "Content-Length: 5000"))
        peer.drip(b"x" * 5000)

    server = serve(dripping_a_body)
    started = monotonic()

    answer = post(client, server.url, timeout=BRIEFLY, limit=5000)

    assert monotonic() - started < SOON_AFTER_SECONDS
    assert answer.status == 200
    assert answer.body_excerpt.startswith(b"xx")


def sending(data: bytes, *, endlessly: bool = False) -> Callable[[Peer], None]:
    def behave(peer: Peer) -> None:
        peer.request()
        peer.send(data)
        while endlessly:
            peer.send(data)

    return behave


def resetting(peer: Peer) -> None:
    peer.request()
    reset(peer)


def resetting_at_once(peer: Peer) -> None:
    reset(peer)


@pytest.mark.parametrize(
    ("behave", "why"),
    [
        (sending(b""), "the server hung up without an answer"),
        (sending(b"\r\n\r\n"), "the answer isn't HTTP"),
        (sending(b"SSH-2.0-OpenSSH_9.6\r\n"), "the answer isn't HTTP"),
        (sending(bytes(range(256)) * 100), "the answer isn't HTTP"),
        (sending(b"HTTP/1.1 abc\r\n\r\n"), "the answer isn't HTTP"),
        (sending(b"HTTP/2.0 200 OK\r\n\r\n"), "HTTP/2.0"),
        (sending(b"x" * 1000, endlessly=True), "isn't HTTP|bytes"),
        (sending(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200), "100 headers"),
        (sending(b"HTTP/1.1 200 OK\r\na: " + b"b" * 100_000), "bytes|longer than"),
        (sending(b"HTTP/1.1 200 OK\r\n" + (b"a: " + b"b" * 60_000 + b"\r\n") * 50), "longer than"),
        (sending(b"HTTP/1.1 100 Continue\r\n\r\n" * 100, endlessly=True), "longer than"),
        (resetting, "reset"),
        (resetting_at_once, "reset|pipe|hung up"),
    ],
)
def test_what_is_not_an_http_answer_is_a_failed_connection(
    client: GuardedClient, serve: Serve, behave: Callable[[Peer], None], why: str
) -> None:
    server = serve(behave)

    with pytest.raises(ConnectionFailed, match=why) as failed:
        post(client, server.url)

    assert str(failed.value).startswith(f"http://127.0.0.1:{server.port}: ")


def test_a_port_where_nobody_listens_is_a_failed_connection(client: GuardedClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(ConnectionFailed, match="refused"):
        post(client, f"http://127.0.0.1:{port}/")


def test_an_answer_before_the_whole_request_was_read_is_an_answer(
    client: GuardedClient, serve: Serve
) -> None:
    def impatient(peer: Peer) -> None:
        peer.send(head("413 Too Large", "Content-Length: 0", "Connection: close"))
        peer.sock.shutdown(socket.SHUT_WR)
        peer.request()

    server = serve(impatient)

    assert post(client, server.url, bytes(5_000_000)).status == 413


def test_a_delivery_that_timed_out_leaves_no_thread_behind(serve: Serve) -> None:
    server = serve(silent)
    client = GuardedClient(LOOPBACK, resolver=resolver_of("127.0.0.1"))
    before = set(threading.enumerate())

    with pytest.raises(TimedOut):
        post(client, f"http://silent.example:{server.port}/", timeout=BRIEFLY)

    server.close()
    assert set(threading.enumerate()) <= before


SECRETIVE: list[Callable[[Peer], None]] = [
    silent,
    resetting,
    sending(b""),
    sending(b"garbage\r\n"),
    sending(b"HTTP/1.1 200 OK\r\nbad\r\n\r\n"),
]


@pytest.mark.parametrize("behave", SECRETIVE)
def test_neither_errors_nor_logs_tell_the_path_or_the_query(
    client: GuardedClient, serve: Serve, behave: Callable[[Peer], None], caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(behave)
    caplog.set_level(logging.INFO)
    told = ""

    try:
        post(client, f"{server.url}/SECRET?token=SECRET", timeout=BRIEFLY)
    except OutboundError as error:
        told = str(error)

    assert "SECRET" not in told + caplog.text
