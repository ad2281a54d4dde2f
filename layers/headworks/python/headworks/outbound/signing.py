"""Signing deliveries, so that an endpoint can tell that they are ours (Standard Webhooks)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headworks.webhooks.schemes import SCHEMES, signing_keys

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime


def signature_headers(
    body: bytes, *, message_id: str, now: datetime, secrets: Sequence[str], whose: str
) -> dict[str, str]:
    """The headers that sign one attempt to deliver `body`.

    The id stays the same over all attempts, the timestamp doesn't.  Each of `secrets` (base64, with or without
    `whsec_`) gives a signature, so that endpoints may change theirs at any time while both are valid.

    Raises `InvalidSecret`, which names `whose` secret it is.  Source: standardwebhooks.com, specification.
    """
    scheme = SCHEMES["standard-webhooks"]
    keys = signing_keys("standard-webhooks", secrets, whose=whose)
    timestamp = str(int(now.timestamp()))
    before = f"{message_id}.{timestamp}.".encode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{scheme.signature(key, before, body).decode()}" for key in keys),
    }
