"""Lambda entry point: posts each queued webhook to its endpoint."""

from __future__ import annotations

from functools import partial

from deliver_webhook.delivery import deliver
from headworks import clients
from headworks.clock import SystemClock
from headworks.consumer import Consumer
from headworks.outbound.client import GuardedClient
from headworks.settings import Settings
from headworks.webhooks.secrets import SecretsManager
from pipeline import TOPOLOGY
from pipeline.queues import WEBHOOKS

settings = Settings()
secrets = SecretsManager(clients.secrets_manager())

handler = Consumer(
    WEBHOOKS,
    partial(
        deliver,
        endpoint_of=TOPOLOGY.endpoint,
        url_of=settings.endpoint_url,
        secrets_of=lambda endpoint: secrets.get(settings.endpoint_secret(endpoint)),
        client=GuardedClient(settings.allowed_networks),
        policy=WEBHOOKS.retry,
        clock=SystemClock(),
    ),
)
