"""A blocking connection whose other end has gone without a word."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from headworks.brokers.redis.address import Address
from headworks.brokers.redis.connection import Connection
from headworks.brokers.redis.operation import command
from headworks.errors import Unavailable
from tests.support.tls import certificate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GENEROUS_SECONDS = 20


@pytest.fixture(params=["plain", "tls"])
def mute(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Address]:
    """A server that takes connections and says nothing."""
    own = certificate(tmp_path)
    serving = trusting = None
    if request.param == "tls":
        serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        serving.load_cert_chain(own.certificate, own.key)
        trusting = ssl.create_default_context(cafile=str(own.certificate))
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    line, _ = server.accept()
                    taken.append(serving.wrap_socket(line, server_side=True) if serving else line)

        threading.Thread(target=serve, daemon=True).start()
        host, port = server.getsockname()
        yield Address(host=host, port=port, tls=trusting)
        server.shutdown(socket.SHUT_RDWR)
    for line in taken:
        line.close()


def test_a_server_that_says_nothing_is_given_up(mute: Address) -> None:
    raised: list[BaseException] = []

    def ask() -> None:
        with Connection(mute, answers_within=0.05, patience=0) as connection:
            try:
                connection.run(_ping())
            except Unavailable as error:
                raised.append(error)

    # Daemonic: one that waits for ever is found out, and holds up nobody.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(GENEROUS_SECONDS)
    assert not asking.is_alive(), "it still waits for an answer"
    assert [type(each) for each in raised] == [Unavailable]


def _ping():
    return (yield command("PING"))
