"""The id and the type of an event, from wherever its source puts them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headworks.webhooks import sources
from headworks.webhooks.identity import Identity, UnexpectedShape, identify
from headworks.webhooks.sources import InBody, InHeader, Source

STRIPE = sources.stripe()
NESTED = Source(
    name="nested",
    scheme="github",
    event_id=InBody(path="event.id"),
    event_type=InHeader(name="x-type"),
)


def of_stripe(**fields):
    return json.dumps(fields).encode()


def test_stripe_has_both_in_the_body():
    body = of_stripe(id="evt_1", type="invoice.paid")

    assert identify(STRIPE, {}, body) == Identity(event_id="evt_1", event_type="invoice.paid")


def test_github_has_both_in_headers_whatever_the_body():
    headers = {"x-github-delivery": "72d3162e", "x-github-event": "push"}

    assert identify(sources.github(), headers, b"\xff") == Identity(event_id="72d3162e", event_type="push")


@pytest.mark.parametrize("spelling", ["webhook-id", "svix-id"])
def test_standard_webhooks_has_the_id_in_a_header_of_either_spelling(spelling):
    identity = identify(sources.standard_webhooks(), {spelling: "msg_1"}, b'{"type": "invoice.paid"}')

    assert identity == Identity(event_id="msg_1", event_type="invoice.paid")


def test_a_dotted_path_leads_into_the_body():
    assert identify(NESTED, {"x-type": "t"}, b'{"event": {"id": "e"}}').event_id == "e"


@pytest.mark.parametrize("body", [b'{"id": "evt_1"}', b'{"id": "evt_1", "type": null}'])
def test_an_event_without_a_type_is_of_the_type_unknown(body):
    assert identify(STRIPE, {}, body).event_type == "unknown"


@pytest.mark.parametrize("number", ["17", "9" * 200, "1.50"])
def test_a_number_is_an_id_as_it_is_written(number):
    body = f'{{"id": {number}, "type": "t"}}'.encode()

    assert identify(STRIPE, {}, body).event_id == number


@pytest.mark.parametrize(
    "body",
    [
        b'{"id": "evt_1", "type": "t", "name": "\\ud83d"}',
        b'{"id": "evt_1", "type": "t", "n": NaN}',
        b'{"id": "evt_1", "type": "t", "n": ' + b"9" * 4301 + b"}",
        b'{"id": "evt_1", "type": "t", "n": 1e999}',
        b'{"id": "evt_0", "id": "evt_1", "type": "t"}',
    ],
    ids=["half a surrogate pair", "NaN", "4301 digits", "1e999", "twice the same key"],
)
def test_oddities_elsewhere_in_the_body_do_not_matter(body):
    assert identify(STRIPE, {}, body) == Identity(event_id="evt_1", event_type="t")


@pytest.mark.parametrize(
    "body",
    [
        b"Hello, World!",
        b"\xff\xfe\xfd",
        b"[" * 100_000,
        b'{"id": "evt_1", "a": ' + b"[" * 100_000,
        b"[]",
        b"null",
        b'"evt_1"',
        b" ",
        of_stripe(type="t"),
        of_stripe(id=None, type="t"),
        of_stripe(id="", type="t"),
        of_stripe(id=" evt_1", type="t"),
        of_stripe(id=True, type="t"),
        of_stripe(id={"a": 1}, type="t"),
        of_stripe(id="x" * 257, type="t"),
        of_stripe(id="\u20ac" * 86, type="t"),
        of_stripe(id="\ud83d", type="t"),
        of_stripe(id="evt\x00", type="t"),
        of_stripe(id="evt\uffff", type="t"),
        of_stripe(id="evt_1", type=["t"]),
        of_stripe(id="evt_1", type=""),
        of_stripe(id="evt_1", type="t" * 10_000),
        b'{"id": ' + b"9" * 4301 + b', "type": "t"}',
    ],
)
def test_what_cannot_name_an_event_is_an_unexpected_shape(body):
    with pytest.raises(UnexpectedShape) as unexpected:
        identify(STRIPE, {}, body)

    assert len(str(unexpected.value)) < 250


@pytest.mark.parametrize(
    "headers", [{}, {"x-github-event": "push"}, {"x-github-delivery": "", "x-github-event": "push"}]
)
def test_a_missing_id_header_is_an_unexpected_shape(headers):
    with pytest.raises(UnexpectedShape, match="x-github-delivery"):
        identify(sources.github(), headers, b"{}")


@given(body=st.binary(max_size=60) | st.text(alphabet='{}[]":,\\u12dtypeid nul', max_size=60).map(str.encode))
def test_no_body_brings_out_anything_but_an_unexpected_shape(body):
    try:
        identity = identify(STRIPE, {}, body)
    except UnexpectedShape:
        return
    assert identity.event_id.isprintable()
