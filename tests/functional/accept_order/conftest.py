"""The checkout between fakes, driven through the entry point that Lambda calls."""

from __future__ import annotations

import json

import pytest

from accept_order.checkout import Checkout
from headworks.http_api import serve
from headworks.producer import Producer
from headworks.testing.broker import MemoryBroker
from headworks.testing.deduplication import MemoryDeduplication
from headworks.testing.secrets import MemorySecrets
from pipeline.queues import ORDERS
from tests.support.http_events import answer, http_event

TOKENS = ("token-of-now", "token-of-before")


class Stand:
    """What the shop talks to."""

    def __init__(self, clock, log):
        self.clock, self.queue = clock, MemoryBroker()
        self.secrets = MemorySecrets({"tokens": json.dumps(TOKENS)})
        orders = Producer(ORDERS, self.queue, log=log, deduplication=MemoryDeduplication(), clock=clock)
        checkout = Checkout(orders=orders, tokens=lambda: self.secrets.get("tokens"), log=log)
        self.handler = serve(checkout.accept, log=log)

    def post(self, body, *, authorization=f"Bearer {TOKENS[0]}", **headers):
        """Post a value as JSON, or bytes as they are; further headers with `_` for `-`."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        if authorization is not None:
            more["authorization"] = authorization
        return answer(self.handler(http_event(content, more, base64_body=True), None))


@pytest.fixture
def stand(clock, log):
    return Stand(clock, log)


@pytest.fixture
def order():
    """An order as the shop writes it."""
    return {
        "id": "order-1042",
        "customer": "ada@example.com",
        "items": [{"sku": "mug", "quantity": 2}],
        "total": {"amount": 4200, "currency": "eur"},
        "payment_intent": "pi_1",
    }
