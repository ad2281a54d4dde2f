"""Whom the guarded client trusts, though it connects to an address and not to a name."""

from __future__ import annotations

from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING

import pytest

from headworks.outbound.client import GuardedClient
from headworks.outbound.errors import ConnectionFailed, TimedOut
from tests.unit.outbound.certificates import Authority
from tests.unit.outbound.conftest import LOOPBACK
from tests.unit.outbound.exchanges import BRIEFLY, SOON_AFTER_SECONDS, head, post
from tests.unit.outbound.server import OK, Peer, replying, resolver_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.outbound.conftest import Serve

HOST = "hooks.example"


@pytest.fixture
def trusting(authority: Authority) -> GuardedClient:
    """A client for which every name is 127.0.0.1 and only the test's authority is to be trusted."""
    return GuardedClient(LOOPBACK, resolver=resolver_of("127.0.0.1"), tls=authority.trusted())


def test_the_certificate_and_the_server_name_are_the_hosts_at_a_pinned_address(
    trusting: GuardedClient, serve: Serve, authority: Authority
) -> None:
    asked_for: list[str | None] = []
    serving = authority.serving(HOST)
    serving.sni_callback = lambda _socket, name, _context: asked_for.append(name)
    server = serve(replying(OK), tls=serving)

    answer = post(trusting, f"https://{HOST}:{server.port}/hook", b"secret")

    assert (answer.status, answer.body_excerpt) == (200, b"ok")
    assert asked_for == [HOST]
    assert server.requests[0].endswith(b"secret")


def test_a_certificate_of_an_address_is_good_for_it(
    trusting: GuardedClient, serve: Serve, authority: Authority
) -> None:
    server = serve(replying(OK), tls=authority.serving("127.0.0.1"))

    assert post(trusting, f"https://127.0.0.1:{server.port}/").status == 200


def test_a_certificate_for_another_host_is_not_trusted(
    trusting: GuardedClient, serve: Serve, authority: Authority
) -> None:
    server = serve(replying(OK), tls=authority.serving("other.example"))

    with pytest.raises(ConnectionFailed, match=rf"certificate isn't trusted: .*{HOST}"):
        post(trusting, f"https://{HOST}:{server.port}/")

    assert server.requests == []


def test_a_certificate_of_an_unknown_authority_is_not_trusted(
    trusting: GuardedClient, serve: Serve, tmp_path: Path
) -> None:
    server = serve(replying(OK), tls=Authority.new(tmp_path).serving(HOST))

    with pytest.raises(ConnectionFailed, match="certificate isn't trusted"):
        post(trusting, f"https://{HOST}:{server.port}/")

    assert server.requests == []


def test_an_expired_certificate_is_not_trusted(
    trusting: GuardedClient, serve: Serve, authority: Authority
) -> None:
    server = serve(replying(OK), tls=authority.serving(HOST, age=timedelta(days=30)))

    with pytest.raises(ConnectionFailed, match="certificate isn't trusted: certificate has expired"):
        post(trusting, f"https://{HOST}:{server.port}/")


def test_by_default_the_systems_authorities_alone_are_trusted(serve: Serve, authority: Authority) -> None:
    server = serve(replying(OK), tls=authority.serving(HOST))

    client = GuardedClient(LOOPBACK, resolver=resolver_of("127.0.0.1"))

    with pytest.raises(ConnectionFailed, match="certificate isn't trusted"):
        post(client, f"https://{HOST}:{server.port}/")


def test_a_server_without_tls_is_a_failed_connection(trusting: GuardedClient, serve: Serve) -> None:
    def shouting(peer: Peer) -> None:
        peer.send(OK)

    server = serve(shouting)

    with pytest.raises(ConnectionFailed):
        post(trusting, f"https://{HOST}:{server.port}/")


def silent(peer: Peer) -> None:
    peer.say_nothing()


def dripping(peer: Peer) -> None:
    # The beginning of a TLS record that announces more than ever comes.
    peer.drip(b"\x16\x03\x03\x40\x00" + bytes(5000))


@pytest.mark.parametrize("behave", [silent, dripping])
def test_a_handshake_that_does_not_end_costs_no_more_than_the_time_there_is(
    trusting: GuardedClient, serve: Serve, behave: Callable[[Peer], None]
) -> None:
    server = serve(behave)
    started = monotonic()

    with pytest.raises(TimedOut):
        post(trusting, f"https://{HOST}:{server.port}/", timeout=BRIEFLY)

    assert monotonic() - started < SOON_AFTER_SECONDS


def test_headers_that_drip_over_tls_cost_no_more_than_the_time_there_is(
    trusting: GuardedClient, serve: Serve, authority: Authority
) -> None:
    def dripping_headers(peer: Peer) -> None:
        peer.request()
        peer.drip(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 1000)

    server = serve(dripping_headers, tls=authority.serving(HOST))
    started = monotonic()

    with pytest.raises(TimedOut):
        post(trusting, f"https://{HOST}:{server.port}/", timeout=BRIEFLY)

    assert monotonic() - started < SOON_AFTER_SECONDS


def test_a_body_over_tls_is_read_up_to_the_limit(
    trusting: GuardedClient, serve: Serve, authority: Authority
) -> None:
    def endless(peer: Peer) -> None:
        peer.request()
        peer.send(head())
        while True:
            peer.send(b"x" * 65536)

    server = serve(endless, tls=authority.serving(HOST))

    assert post(trusting, f"https://{HOST}:{server.port}/", limit=100_000).body_excerpt == b"x" * 100_000


def test_a_large_body_goes_out_over_tls(trusting: GuardedClient, serve: Serve, authority: Authority) -> None:
    server = serve(replying(OK), tls=authority.serving(HOST))
    body = bytes(range(256)) * 10_000

    post(trusting, f"https://{HOST}:{server.port}/", body)

    assert server.requests[0].endswith(b"\r\n\r\n" + body)
