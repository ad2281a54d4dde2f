"""The queues of this pipeline: what to carry, and how to treat it."""

from __future__ import annotations

from datetime import timedelta

from headworks.queue import Queue
from headworks.retry import RetryPolicy
from pipeline.payloads import WebhookDelivery

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

QUEUES = (WEBHOOKS,)
