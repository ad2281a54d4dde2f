"""Our signer writes the headers that the providers write."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from headworks.webhooks.schemes import InvalidSecret
from headworks.webhooks.signing import sign
from tests.vectors.signature_vectors import VECTORS


def _signed_at(vector):
    header = vector.headers.get("webhook-timestamp") or vector.headers["Stripe-Signature"].split(",")[0][2:]
    return datetime.fromtimestamp(int(header), UTC)


def _vector(name):
    return next(vector for vector in VECTORS if vector.id == name)


def test_stripes_published_signature_is_what_we_sign():
    vector = _vector("stripe-py-valid")

    headers = sign("stripe", vector.secret, vector.body, now=_signed_at(vector), event_id="evt_1")

    assert headers == {"stripe-signature": vector.headers["Stripe-Signature"]}


def test_githubs_published_signature_is_what_we_sign():
    vector = _vector("github-doc")

    headers = sign("github", vector.secret, vector.body, now=vector.now, event_id="72d3162e")

    assert headers == {
        "x-github-delivery": "72d3162e",
        "x-hub-signature-256": vector.headers["X-Hub-Signature-256"],
    }


@pytest.mark.parametrize("name", ["standardwebhooks-sign", "standardwebhooks-no-prefix-secret"])
def test_standard_webhooks_published_signature_is_what_we_sign(name):
    vector = _vector(name)
    event_id = vector.headers["webhook-id"]

    headers = sign("standard-webhooks", vector.secret, vector.body, now=_signed_at(vector), event_id=event_id)

    assert headers.items() <= vector.headers.items()
    assert len(headers) == 3


@pytest.mark.parametrize(
    ("scheme", "secret"), [("stripe", ""), ("github", " "), ("standard-webhooks", "whsec_")]
)
def test_nothing_is_signed_with_an_empty_secret(scheme, secret):
    with pytest.raises(InvalidSecret, match="empty"):
        sign(scheme, secret, b"{}", now=datetime(2026, 1, 1, tzinfo=UTC), event_id="1")
