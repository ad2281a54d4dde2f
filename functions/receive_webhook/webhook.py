"""A verified webhook, and the forms in which it goes to queues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headworks.errors import Undecodable
from headworks.message import JSON_TYPE, is_json
from headworks.payload import decode_payload
from headworks.producer import Outgoing
from headworks.webhooks.identity import UNKNOWN_TYPE, event_key
from pipeline.payloads import WebhookDelivery

if TYPE_CHECKING:
    from headworks.http_api import Request
    from headworks.webhooks.identity import Identity
    from headworks.webhooks.sources import Source

_BYTES = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """What a source sent; without an `identity` where its shape isn't the expected one."""

    source: Source
    request: Request
    identity: Identity | None = None

    def outgoing(self, *, endpoint: str | None) -> Outgoing:
        """The webhook as a delivery to an endpoint; without one, its body as the payload itself."""
        return Outgoing(
            data=self.request.body if endpoint is None else self._delivery(endpoint),
            data_content_type=self._content_type() if endpoint is None else JSON_TYPE,
            type=UNKNOWN_TYPE if self.identity is None else self.identity.event_type,
            source=self.source.name,
            subject=None if self.identity is None else self.identity.event_id,
            idempotency_key=self._key(endpoint),
            traceparent=self.request.traceparent,
        )

    def _key(self, endpoint: str | None) -> str | None:
        if self.identity is None:
            return None
        return event_key(self.source.name, self.identity.event_id, endpoint=endpoint)

    def _delivery(self, endpoint: str) -> WebhookDelivery:
        forwarded = ("content-type", *self.source.forwarded_headers)
        headers = self.request.headers
        return WebhookDelivery(
            endpoint=endpoint,
            body=self.request.body,
            method=self.request.method,
            headers={name: headers[name] for name in forwarded if name in headers},
        )

    def _content_type(self) -> str:
        said = self.request.headers.get("content-type") or _BYTES
        if not is_json(said):
            return said
        try:
            decode_payload(self.request.body, Any, where=self.source.name)
        except Undecodable:
            # Still the event that was signed: it travels as the bytes that it is.
            return _BYTES
        return said
