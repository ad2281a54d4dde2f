"""Our verdict is the one of `stripe` and `standardwebhooks`, on what they sign and on mutations of it.

Where ours is stricter on purpose, a test of `test_schemes` says so: timestamps ahead of the
clock (Stripe's library takes them), timestamps that aren't plain digits, and base64 with
foreign characters in it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import stripe
from hypothesis import given, settings
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from headworks.webhooks import sources
from headworks.webhooks.schemes import SignatureRefused, verify
from headworks.webhooks.signing import sign

# A slow machine is no finding.
unhurried = settings(deadline=None)

SECRETS = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")

secrets = st.sampled_from(SECRETS)
# Most of the time what is checked is what was signed, so that accepting is tested as well.
rarely = st.integers(min_value=0, max_value=7).map(lambda drawn: drawn == 7)
# Valid Unicode: both libraries decode the body, ours takes any bytes.
bodies = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=60)
# Clear of the edge, which lies between two readings of the same clock.
ages = st.integers(0, 290) | st.integers(0, 290) | st.integers(310, 10**6)
event_ids = st.text(alphabet="abcXYZ019_-.", min_size=1, max_size=20)


@st.composite
def mutations(draw, text):
    """The text as it is, or with one character swapped, taken out or doubled."""
    kind = draw(st.sampled_from(["none", "none", "none", "none", "swap", "drop", "double"]))
    at = draw(st.integers(min_value=0, max_value=len(text) - 1))
    other = draw(st.sampled_from("0aAfz=,. "))
    changed = {"none": text[at], "swap": other, "drop": "", "double": text[at] * 2}
    return text[:at] + changed[kind] + text[at + 1 :]


def _ours(source, body, headers, secret, now):
    try:
        verify(source, body.encode(), headers, secrets=[secret], now=now)
    except SignatureRefused:
        return False
    return True


def _stripes(body, header, secret):
    try:
        stripe.WebhookSignature.verify_header(body, header, secret, tolerance=300)
    except stripe.SignatureVerificationError:
        return False
    return True


def _standards(body, headers, secret):
    try:
        Webhook(secret).verify(body, headers, json_parse=False)
    # A signature without a comma or with broken base64 is a bare ValueError there.
    except (WebhookVerificationError, ValueError):
        return False
    return True


@unhurried
@given(body=bodies, age=ages, data=st.data())
def test_stripe_agrees(body, age, data):
    now = datetime.now(UTC)
    signed_at = int(now.timestamp()) - age
    signed = stripe.WebhookSignature.generate_signature_header(body, SECRETS[0], signed_at)
    stamp, _, signatures = signed.partition(",")
    header = f"{stamp},{data.draw(mutations(signatures))}"
    received = f"{body} " if data.draw(rarely) else body
    checked_with = SECRETS[data.draw(rarely)]

    ours = _ours(sources.stripe(), received, {"Stripe-Signature": header}, checked_with, now)

    assert ours is _stripes(received, header, checked_with)


@unhurried
@given(body=bodies, age=ages, event_id=event_ids, data=st.data())
def test_standard_webhooks_agrees(body, age, event_id, data):
    now = datetime.now(UTC)
    signed_at = now + timedelta(seconds=age) * data.draw(st.sampled_from([1, -1]))
    signature = Webhook(SECRETS[0]).sign(event_id, signed_at, body)
    headers = {
        "webhook-id": f"{event_id}x" if data.draw(rarely) else event_id,
        "webhook-timestamp": str(int(signed_at.timestamp())),
        "webhook-signature": data.draw(mutations(signature)),
    }
    received = f"{body} " if data.draw(rarely) else body
    checked_with = SECRETS[data.draw(rarely)]

    ours = _ours(sources.standard_webhooks(), received, headers, checked_with, now)
    theirs = _standards(received, headers, checked_with)

    # Their decoder skips characters that aren't base64's, so it takes some spellings that ours doesn't.
    mutated = headers["webhook-signature"] != signature
    assert ours is theirs or (theirs and mutated)


@unhurried
@given(body=bodies, age=st.integers(min_value=0, max_value=290), event_id=event_ids, secret=secrets)
def test_both_libraries_accept_what_we_sign(body, age, event_id, secret):
    signed_at = datetime.now(UTC) - timedelta(seconds=age)

    of_stripe = sign("stripe", secret, body.encode(), now=signed_at, event_id=event_id)
    standard = sign("standard-webhooks", secret, body.encode(), now=signed_at, event_id=event_id)

    assert _stripes(body, of_stripe["stripe-signature"], secret)
    assert _standards(body, standard, secret)


@unhurried
@given(header=st.text(alphabet="t=v10,ae ", max_size=40), body=bodies)
def test_whatever_the_header_nothing_but_a_refusal_comes_out(header, body):
    now = datetime.now(UTC)

    assert not _ours(sources.stripe(), body, {"stripe-signature": header}, SECRETS[0], now)
    assert not _ours(sources.github(), body, {"x-hub-signature-256": header}, SECRETS[0], now)
    standard = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": header,
    }
    assert not _ours(sources.standard_webhooks(), body, standard, SECRETS[0], now)
