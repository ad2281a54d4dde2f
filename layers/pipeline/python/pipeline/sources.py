"""Who sends this pipeline webhooks, and which queue each event goes to."""

from __future__ import annotations

from headworks.webhooks import sources
from headworks.webhooks.routes import Route
from pipeline.queues import PAYMENTS, WEBHOOKS

STRIPE = sources.stripe()
PAYMENT_SUCCEEDED = "payment_intent.succeeded"

SOURCES = (
    STRIPE,
    sources.github(),
    sources.standard_webhooks(),
)

# An event goes along every route that it matches; one that matches none is quarantined.
ROUTES = (
    Route(queue=WEBHOOKS.name, endpoint="default"),
    Route(queue=PAYMENTS.name, source=STRIPE.name, event_type=PAYMENT_SUCCEEDED),
)
