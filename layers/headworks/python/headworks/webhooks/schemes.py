"""Signature schemes: whether a request was signed with one of a source's secrets.

All of them are HMAC-SHA256 over the raw body, before anything parses it.  They differ in
where the signature stands, how it is written, and what is signed beside the body.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from headworks.errors import HeadworksError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from headworks.webhooks.sources import SchemeName, Source

_SECRET_PREFIX = "whsec_"  # noqa: S105 - what such secrets begin with
_SHA256_PREFIX = "sha256="
# Digits alone, so that what is checked against the clock is what was signed: no sign, no
# fraction, no blanks, no `nan`.  Ten of them reach the year 2286.
_TIMESTAMP = re.compile(r"[0-9]{1,10}", re.ASCII)


class SignatureRefused(HeadworksError):
    """A request that none of the source's secrets signed, or that was signed too long ago.

    Says why, and never holds a secret or a signature.
    """


class InvalidSecret(HeadworksError, ValueError):
    """A secret that can't verify or sign anything, as it stands in the store.  Never holds its value."""

    def __init__(self, whose: str, why: str) -> None:
        super().__init__(f"{whose}: {why}")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Claim:
    """What a request's headers say of its signature.

    `signed` stands before the body in what was signed; `signatures` are written as the
    scheme writes them, any one of them will do.
    """

    signed: bytes
    signatures: tuple[bytes, ...]
    timestamp: str | None = None


class Scheme(Protocol):
    """One way of signing."""

    def key(self, secret: str) -> bytes:
        """The HMAC key in a secret.  Raises `ValueError`, without the secret in it, for one that holds none."""

    def claim(self, headers: Mapping[str, str]) -> Claim:
        """What the headers (names in lower case) claim.  Raises `SignatureRefused` where they claim nothing."""

    def signature(self, key: bytes, *parts: bytes) -> bytes:
        """The signature of some content, written as the scheme writes it."""


class Stripe:
    """`Stripe-Signature: t=<seconds>,v1=<hex>,v1=<hex>` over `<t>.<body>`.

    Source: docs.stripe.com/webhooks/signature.  Other versions (`v0`) are not signatures of live
    events and are ignored.
    """

    def key(self, secret: str) -> bytes:
        return _bytes(secret)

    def claim(self, headers: Mapping[str, str]) -> Claim:
        header = _required(headers, "stripe-signature")
        items = [item.partition("=")[::2] for item in header.split(",")]
        timestamps = [value for name, value in items if name == "t"]
        if not timestamps:
            raise SignatureRefused("stripe-signature has no timestamp (t=)")
        return Claim(
            signed=_bytes(f"{timestamps[0]}."),
            signatures=tuple(_bytes(value) for name, value in items if name == "v1"),
            timestamp=timestamps[0],
        )

    def signature(self, key: bytes, *parts: bytes) -> bytes:
        return _hmac_sha256(key, *parts).hex().encode()


class GitHub:
    """`X-Hub-Signature-256: sha256=<hex>` over the body; no timestamp.

    Source: docs.github.com/webhooks, "Validating webhook deliveries".  The SHA-1 header
    (`X-Hub-Signature`) is not accepted.
    """

    def key(self, secret: str) -> bytes:
        return _bytes(secret)

    def claim(self, headers: Mapping[str, str]) -> Claim:
        header = _required(headers, "x-hub-signature-256")
        if not header.startswith(_SHA256_PREFIX):
            raise SignatureRefused(f"x-hub-signature-256 doesn't begin with {_SHA256_PREFIX}")
        return Claim(signed=b"", signatures=(_bytes(header),))

    def signature(self, key: bytes, *parts: bytes) -> bytes:
        return f"{_SHA256_PREFIX}{_hmac_sha256(key, *parts).hex()}".encode()


class StandardWebhooks:
    """`webhook-signature: v1,<base64> v1,<base64>` over `<webhook-id>.<webhook-timestamp>.<body>`.

    Source: standardwebhooks.com, specification.  Svix, its most common sender, may spell the
    three headers `svix-...`.  All three are read in one spelling: an unsigned `webhook-id`
    beside a signed `svix-id` would be taken for the event's id.  Other versions (`v1a`,
    public keys) are ignored.
    """

    def key(self, secret: str) -> bytes:
        try:
            return base64.b64decode(_padded(secret.removeprefix(_SECRET_PREFIX)), validate=True)
        except (binascii.Error, ValueError):
            # The cause quotes what it couldn't read, which is the secret.
            raise ValueError("the secret isn't base64, with or without whsec_ before it") from None

    def claim(self, headers: Mapping[str, str]) -> Claim:
        ours = any(f"webhook-{part}" in headers for part in ("id", "timestamp", "signature"))
        spelling = "webhook" if ours else "svix"
        event_id = _required(headers, f"{spelling}-id")
        timestamp = _required(headers, f"{spelling}-timestamp")
        items = [item.partition(",")[::2] for item in _required(headers, f"{spelling}-signature").split(" ")]
        return Claim(
            signed=_bytes(f"{event_id}.{timestamp}."),
            signatures=tuple(_bytes(value) for version, value in items if version == "v1"),
            timestamp=timestamp,
        )

    def signature(self, key: bytes, *parts: bytes) -> bytes:
        return base64.b64encode(_hmac_sha256(key, *parts))


SCHEMES: Mapping[SchemeName, Scheme] = {
    "stripe": Stripe(),
    "github": GitHub(),
    "standard-webhooks": StandardWebhooks(),
}


def verify(
    source: Source,
    body: bytes,
    headers: Mapping[str, str],
    *,
    secrets: Sequence[str],
    now: datetime,
) -> None:
    """Return if one of `secrets` signed these bytes, recently; header names may be in any case.

    Raises `SignatureRefused` if none did, `InvalidSecret` if one of them can't sign anything.
    """
    scheme = SCHEMES[source.scheme]
    keys = signing_keys(source.scheme, secrets, whose=f"the source {source.name}")
    claim = scheme.claim({name.lower(): value for name, value in headers.items()})
    if claim.timestamp is not None:
        _check_age(claim.timestamp, now=now, tolerance=source.tolerance)
    expected = [scheme.signature(key, claim.signed, body) for key in keys]
    # Every pair is compared, so that the time taken doesn't tell which secret came near.
    matches = [hmac.compare_digest(ours, theirs) for ours in expected for theirs in claim.signatures]
    if not any(matches):
        raise SignatureRefused(f"no signature of the scheme {source.scheme} matches the body")


def signing_keys(scheme: SchemeName, secrets: Sequence[str], *, whose: str) -> tuple[bytes, ...]:
    """The HMAC keys in these secrets.  Raises `InvalidSecret`: one of no bytes would let everybody in."""
    try:
        keys = tuple(SCHEMES[scheme].key(secret) for secret in secrets)
    except ValueError as error:
        raise InvalidSecret(whose, str(error)) from None
    if not all(secret.strip() for secret in secrets) or not all(keys) or not keys:
        raise InvalidSecret(whose, "the secret is empty")
    return keys


def _check_age(timestamp: str, *, now: datetime, tolerance: timedelta) -> None:
    if not _TIMESTAMP.fullmatch(timestamp):
        raise SignatureRefused("the timestamp isn't whole seconds since 1970")
    age = now - datetime.fromtimestamp(int(timestamp), UTC)
    if age > tolerance:
        raise SignatureRefused(f"the timestamp is {age} old; {tolerance} is tolerated")
    if -age > tolerance:
        raise SignatureRefused(f"the timestamp is {-age} ahead; {tolerance} is tolerated")


def _required(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name)
    if not value:
        raise SignatureRefused(f"the header {name} is missing")
    return value


def _bytes(text: str) -> bytes:
    # A header may hold anything: what can't be encoded must not match, and must not crash.
    return text.encode("utf-8", "surrogatepass")


def _padded(text: str) -> str:
    # Python 3.13 refuses padding that isn't needed.
    bare = text.rstrip("=")
    return bare + "=" * (-len(bare) % 4)


def _hmac_sha256(key: bytes, *parts: bytes) -> bytes:
    digest = hmac.new(key, digestmod="sha256")
    for part in parts:
        digest.update(part)
    return digest.digest()
