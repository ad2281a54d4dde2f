"""What this pipeline's messages carry."""

from __future__ import annotations

import msgspec


class WebhookDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook on its way to a subscriber: the body is kept byte for byte."""

    endpoint: str
    body: bytes
    method: str = "POST"
    headers: dict[str, str] = {}
