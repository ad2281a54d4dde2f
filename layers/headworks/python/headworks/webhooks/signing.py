"""Signing as the providers do: for the command line's samples, and for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headworks.webhooks.schemes import SCHEMES, signing_keys

if TYPE_CHECKING:
    from datetime import datetime

    from headworks.webhooks.sources import SchemeName


def sign(scheme: SchemeName, secret: str, body: bytes, *, now: datetime, event_id: str) -> dict[str, str]:
    """The headers that a provider with this scheme adds to a delivery of `body`.

    `event_id` goes where the scheme has a header for it; Stripe's stands in the body.  Raises
    `InvalidSecret`.
    """
    [key] = signing_keys(scheme, [secret], whose=f"signing as {scheme}")
    timestamp = str(int(now.timestamp()))
    match scheme:
        case "stripe":
            signature = _signature(scheme, key, f"{timestamp}.", body)
            return {"stripe-signature": f"t={timestamp},v1={signature}"}
        case "github":
            return {
                "x-github-delivery": event_id,
                "x-hub-signature-256": _signature(scheme, key, "", body),
            }
        case "standard-webhooks":
            signature = _signature(scheme, key, f"{event_id}.{timestamp}.", body)
            return {
                "webhook-id": event_id,
                "webhook-timestamp": timestamp,
                "webhook-signature": f"v1,{signature}",
            }


def _signature(scheme: SchemeName, key: bytes, before: str, body: bytes) -> str:
    return SCHEMES[scheme].signature(key, before.encode(), body).decode()
