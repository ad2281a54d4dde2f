"""Fulfilment between real tables (moto) and a topic in memory."""

from __future__ import annotations

from functools import partial

import pytest

from confirm_payment.payments import Payments
from fulfil_order.fulfilment import fulfil
from fulfil_order.orders import Orders
from headworks.consumer import Consumer
from headworks.ledger.ledger import Entry
from headworks.ledger.memory import MemoryLedger
from headworks.producer import Producer
from headworks.testing.broker import MemoryBroker
from headworks.testing.clock import NEW_YEAR
from headworks.testing.deduplication import MemoryDeduplication
from headworks.testing.events import FakeContext, sqs_event
from headworks.wiring import ConsumerParts
from pipeline.queues import ORDER_EVENTS, ORDERS
from tests.support.orders import EUROS, a_context, a_message_of, items_of, make_table


class Stand:
    """What is around a fulfilment: `topic` is where it tells what became of orders."""

    def __init__(self, dynamodb, clock, log):
        self.dynamodb, self.clock, self.log = dynamodb, clock, log
        for name in ("orders", "payments"):
            make_table(dynamodb, name)
        self.orders = self.orders_through(dynamodb)
        self.topic, memory = MemoryBroker(), MemoryDeduplication()
        self.events = Producer(ORDER_EVENTS, self.topic, log=log, deduplication=memory, clock=clock)
        self.handle = partial(fulfil, orders=self.orders, events=self.events)
        self.broker, self.ledger = MemoryBroker(), MemoryLedger(clock)
        self.consumer = self.consumer_on(self.broker, self.handle, clock)

    @staticmethod
    def orders_through(client):
        """The tables of orders and payments, through a client of one's own."""
        return Orders(client, orders="orders", payments="payments")

    def consumer_on(self, broker, handle, clock):
        """The consumer of `orders`, as the deployment puts it together, but for where its parts keep things."""
        parts = ConsumerParts(broker=broker, ledger=self.ledger, log=self.log, counts=lambda *_: None)
        return Consumer(ORDERS, handle, parts=parts, clock=clock)

    def pay(self, intent, paid=EUROS):
        """Stripe's word arrives."""
        Payments(self.dynamodb, table="payments").confirm(intent, paid, event_id="evt_1", at=NEW_YEAR)

    def run(self, order, *, attempt=1):
        """One attempt at an order, as the consumer makes it."""
        self.handle(a_message_of(order), a_context(attempt))

    def receive(self, *records):
        """A whole batch through the consumer; answers which records stay on the queue."""
        answer = self.consumer(sqs_event(*records), FakeContext())
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def leased(self, key, *, lasts):
        """Somebody else takes the lease of an order."""
        self.ledger.lease([Entry(key=key, message_id=key, type="t", source="s")], lasts=lasts)

    @property
    def told(self):
        """What was told of orders, in order."""
        return [message.idempotency_key for message in self.topic.messages]

    @property
    def decided(self):
        """What the table of orders says of each: `placed`, or why not."""
        items = items_of(self.dynamodb, "orders").items()
        return {order_id: item.get("reason", item["status"]) for order_id, item in items}

    def payment_of(self, order):
        """What the table of payments says of an order's payment: whose it is, and whether the money goes back."""
        payment = self.orders.payment_of(order)
        return payment.order_id, payment.order_status, payment.is_to_be_given_back


@pytest.fixture
def stand(aws, clock, log):
    return Stand(aws("dynamodb"), clock, log)
