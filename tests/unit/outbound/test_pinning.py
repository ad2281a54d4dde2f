"""Which addresses the guarded client connects to."""

from __future__ import annotations

import socket
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from headworks.outbound.client import GuardedClient
from headworks.outbound.errors import (
    AddressRefused,
    TimedOut,
)
from tests.unit.outbound.conftest import LOOPBACK
from tests.unit.outbound.exchanges import post
from tests.unit.outbound.server import OK, replying, resolver_of

if TYPE_CHECKING:
    from tests.unit.outbound.conftest import Serve


def test_a_forbidden_address_is_never_connected_to(serve: Serve) -> None:
    server = serve(replying(OK))

    with pytest.raises(AddressRefused, match="loopback"):
        post(GuardedClient(), server.url)

    assert server.connections == 0


def test_a_name_with_a_forbidden_address_beside_a_good_one_is_never_connected_to(serve: Serve) -> None:
    server = serve(replying(OK))
    client = GuardedClient(LOOPBACK, resolver=resolver_of("127.0.0.1", "10.0.0.1"))

    with pytest.raises(AddressRefused, match=r"10\.0\.0\.1"):
        post(client, f"http://mixed.example:{server.port}/")

    assert server.connections == 0


def test_the_address_that_was_vetted_is_the_one_that_is_connected_to(serve: Serve) -> None:
    server = serve(replying(OK))
    answers = iter(["127.0.0.1", "169.254.169.254"])

    def rebinding(host: str, port: int, *, type: int = 0) -> list[Any]:  # noqa: A002 - getaddrinfo's own name
        return [(socket.AF_INET, type, 0, "", (next(answers), port))]

    client = GuardedClient(LOOPBACK, resolver=rebinding)
    assert post(client, f"http://rebinding.example:{server.port}/").status == 200
    assert f"Host: rebinding.example:{server.port}\r\n".encode() in server.requests[0]

    with pytest.raises(AddressRefused, match="metadata"):
        post(client, f"http://rebinding.example:{server.port}/")
    assert len(server.requests) == 1


def test_the_next_address_is_tried_when_nobody_listens_at_the_first(serve: Serve) -> None:
    server = serve(replying(OK))
    client = GuardedClient(LOOPBACK, resolver=resolver_of("127.0.0.2", "127.0.0.1"))

    assert post(client, f"http://two.example:{server.port}/").status == 200


def test_a_look_up_takes_its_time_from_the_exchange() -> None:
    release = threading.Event()

    def hang(host: str, port: int, *, type: int = 0) -> list[Any]:  # noqa: A002 - getaddrinfo's own name
        release.wait(10)
        return []

    with pytest.raises(TimedOut, match=r"slow\.example"):
        post(GuardedClient(resolver=hang), "http://slow.example/", timeout=timedelta(seconds=0.1))

    release.set()
