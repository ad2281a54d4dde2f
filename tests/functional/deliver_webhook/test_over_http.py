"""A delivery through the guarded client to a real server."""

from __future__ import annotations

from functools import partial

import pytest
from standardwebhooks import Webhook

from headworks import Reject, Retry
from headworks.outbound.client import GuardedClient
from headworks.outbound.endpoints import Endpoint
from tests.functional.deliver_webhook.conftest import SECRET
from tests.unit.outbound.server import OK, Server, replying


@pytest.fixture
def serve(stand):
    """The endpoint: a server that answers once, which may be posted to unless it is told otherwise."""
    servers = []

    def start(reply, allowed=("127.0.0.0/8",)):
        server = Server(replying(reply))
        servers.append(server)
        stand.endpoints["default"] = Endpoint(name="default", url=server.url)
        stand.handle = partial(stand.handle, client=GuardedClient(allowed))
        return server

    yield start
    for server in servers:
        server.close()


def test_a_delivery_arrives_signed_and_byte_for_byte(stand, webhook, serve):
    server = serve(OK)

    stand.deliver(webhook)

    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = [line.partition(": ") for line in head.decode().split("\r\n")[1:]]
    Webhook(SECRET).verify(body, {name: value for name, _, value in lines})
    assert body == webhook.body


def test_a_busy_server_is_tried_again(stand, webhook, serve):
    serve(b"HTTP/1.1 503 Busy\r\nRetry-After: 90\r\nContent-Length: 0\r\n\r\n")

    with pytest.raises(Retry, match="answered 503") as retry:
        stand.deliver(webhook)

    assert retry.value.after.total_seconds() == 90


def test_a_redirect_is_final_and_not_followed(stand, webhook, serve):
    serve(b"HTTP/1.1 307 Elsewhere\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n")

    with pytest.raises(Reject, match="answered 307"):
        stand.deliver(webhook)


def test_a_private_address_is_final_and_not_connected_to(stand, webhook, serve):
    server = serve(OK, allowed=())

    with pytest.raises(Reject, match="loopback"):
        stand.deliver(webhook)

    assert server.connections == 0
