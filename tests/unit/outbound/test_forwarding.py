"""Which headers of a received request go on with it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headworks.outbound.forwarding import forwardable


def test_what_belongs_to_the_event_goes_on() -> None:
    headers = {"Content-Type": "application/json", "X-GitHub-Event": "push", "Stripe-Signature": "t=1,v1=ab"}

    assert forwardable(headers) == {
        "content-type": "application/json",
        "x-github-event": "push",
        "stripe-signature": "t=1,v1=ab",
    }


@pytest.mark.parametrize(
    "name",
    [
        "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer",
        "Transfer-Encoding", "Upgrade", "Expect", "Host", "Content-Length", "Authorization", "Cookie", "Set-Cookie",
        "Webhook-Id", "webhook-timestamp", "WEBHOOK-SIGNATURE", "webhook-anything", "User-Agent", "Traceparent",
        "Accept-Encoding",
    ],
)  # fmt: skip
def test_what_belongs_to_a_hop_or_to_us_stays(name: str) -> None:
    assert forwardable({name: "x", "x-event": "y"}) == {"x-event": "y"}


def test_what_the_connection_header_names_stays() -> None:
    assert forwardable({"Connection": "close, X-Hop", "x-hop": "1", "x-event": "y"}) == {"x-event": "y"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x", "a\r\nb: c"),
        ("x", "a\x00"),
        ("x", "\u20ac"),
        ("x y", "a"),
        ("", "a"),
        ("x:", "a"),
        ("\u20ac", "a"),
    ],
)
def test_what_http_cannot_carry_stays(name: str, value: str) -> None:
    assert forwardable({name: value}) == {}


@given(st.dictionaries(st.text(), st.text()))
def test_what_goes_on_can_be_written_as_a_header(headers: dict[str, str]) -> None:
    for name, value in forwardable(headers).items():
        assert name.encode("ascii")
        assert not set(value.encode("latin-1")) & set(b"\r\n\0")
