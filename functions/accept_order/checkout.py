"""The checkout: an order is checked, made durable and answered; what becomes of it is decided later."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from headworks.http_api import Response, bad_request, require_bearer
from headworks.producer import Outgoing
from headworks.telemetry import Action
from pipeline.payloads import Order

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from headworks.http_api import Request
    from headworks.producer import Producer
    from headworks.telemetry import Log

TYPE = "order.submitted"
SOURCE = "/orders"

_decoder = msgspec.json.Decoder(Order)


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """The shop's way in: `orders` leads to the queue, `tokens` are the bearer tokens that are valid now."""

    orders: Producer
    tokens: Callable[[], Sequence[str]]
    log: Log

    def accept(self, request: Request) -> Response:
        """Take an order in; return when it is durable.

        The order's own id is its idempotency key: a double click is one order.
        Raises `Problem`, and `Unavailable` where the shop is to send it again.
        """
        require_bearer(request, self.tokens())
        order = _read(request.body)
        self.log(
            Action.RECEIVED,
            queue=self.orders.queue.name,
            event_type=TYPE,
            source=SOURCE,
            idempotency_key=order.id,
            traceparent=request.traceparent,
        )
        accepted = self.orders.send(_outgoing(order, traceparent=request.traceparent))
        answer: dict[str, Any] = {"orderId": order.id, "messageId": accepted.message_id}
        if accepted.duplicate:
            answer["duplicate"] = True
        return Response(status=HTTPStatus.ACCEPTED, body=answer)


def _read(body: bytes) -> Order:
    """The order in a request's body.  Raises `Problem` 400 that says where which rule is broken."""
    try:
        order: Order = _decoder.decode(body)
    except (ValueError, RecursionError) as error:
        raise bad_request(f"The body isn't an order: {error}") from error
    return order


def _outgoing(order: Order, *, traceparent: str) -> Outgoing:
    return Outgoing(
        data=order,
        type=TYPE,
        source=SOURCE,
        subject=order.id,
        idempotency_key=order.id,
        ordering_key=order.customer,
        traceparent=traceparent,
    )
