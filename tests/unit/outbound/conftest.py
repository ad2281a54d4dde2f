from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from headworks.outbound.client import GuardedClient
from tests.unit.outbound.certificates import Authority
from tests.unit.outbound.server import Server

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    from tests.unit.outbound.server import Peer

    Serve = Callable[..., Server]

LOOPBACK = ("127.0.0.0/8",)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers that end with the test: `serve(behave, tls=...)`."""
    with ExitStack() as stack:

        def start(behave: Callable[[Peer], None], tls: ssl.SSLContext | None = None) -> Server:
            server = Server(behave, tls)
            stack.callback(server.close)
            return server

        yield start


@pytest.fixture
def client() -> GuardedClient:
    """A client that may post to loopback."""
    return GuardedClient(LOOPBACK)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority.new(tmp_path_factory.mktemp("authority"))
