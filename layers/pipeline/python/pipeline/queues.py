"""The queues of this pipeline: what to carry, and how to treat it."""

from __future__ import annotations

from datetime import timedelta

import msgspec

from headworks.queue import Queue
from headworks.retry import RetryPolicy
from pipeline.payloads import Order, OrderEvent, PaymentEvent, WebhookDelivery

WEBHOOKS = Queue(
    name="webhooks",
    payload=WebhookDelivery,
    consumers=("deliver_webhook",),
    retry=RetryPolicy(
        attempts=8,
        delays=(
            timedelta(seconds=1),
            timedelta(seconds=5),
            timedelta(seconds=30),
            timedelta(minutes=2),
            timedelta(minutes=10),
            timedelta(minutes=30),
            timedelta(hours=1),
            timedelta(hours=2),
        ),
    ),
    # Providers' ids of events are unique for ever, and they retry for days.
    deduplication_window=timedelta(days=7),
    timeout=timedelta(seconds=30),
)

# The id of an order is its own for good: whoever sends it again means the same order.
ORDER_MEMORY = timedelta(days=30)

ORDER_EVENTS = Queue(
    name="order-events",
    payload=OrderEvent,
    consumers=("update_inventory", "notify_order"),
    internal=True,
    fifo=True,
    deduplication_window=ORDER_MEMORY,
)

ORDERS = Queue(
    name="orders",
    payload=Order,
    consumers=("fulfil_order",),
    emits=(ORDER_EVENTS.name,),
    # `POST /orders` is the way in: there an order's id is its key and its customer the ordering key.
    internal=True,
    # By customer: one whose payment is awaited holds up the customer's next orders, and nobody else's.
    fifo=True,
    # How long a payment may take: some six minutes, then the order is refused.
    retry=RetryPolicy(
        attempts=5,
        delays=(
            timedelta(seconds=1),
            timedelta(seconds=10),
            timedelta(minutes=1),
            timedelta(minutes=5),
            timedelta(minutes=15),
        ),
    ),
    key_path="id",
    deduplication_window=ORDER_MEMORY,
)

PAYMENTS = Queue(
    name="payments",
    payload=PaymentEvent,
    consumers=("confirm_payment",),
    # Only what Stripe has signed is a payment.
    internal=True,
    deduplication_window=timedelta(days=7),
)

MOST_EVENTS_AT_ONCE = 100

ANALYTICS = Queue(
    name="analytics",
    # Whatever is JSON, kept as it was written.
    payload=msgspec.Raw,
    consumers=("track_event",),
    # Losing the last events of a failover harms nobody.
    transport="redis",
    retry=RetryPolicy(attempts=2, delays=(timedelta(seconds=1), timedelta(seconds=5))),
    # A sender's own retries are over by then; an event that is counted twice harms nobody.
    deduplication_window=timedelta(minutes=5),
    # One object for many events; a batch of as large ones as this still fits an invocation.
    batch_size=MOST_EVENTS_AT_ONCE,
    batch_window=timedelta(seconds=5),
    claim_check_over_bytes=32 * 1024,
    # A batch is one run.
    concurrency=MOST_EVENTS_AT_ONCE,
)

QUEUES = (WEBHOOKS, ORDERS, ORDER_EVENTS, PAYMENTS, ANALYTICS)
