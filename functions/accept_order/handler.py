"""Lambda entry point: takes in the shop's orders."""

from __future__ import annotations

from accept_order.checkout import Checkout
from headworks import clients
from headworks.http_api import serve
from headworks.settings import Settings
from headworks.telemetry import PowertoolsLog
from headworks.webhooks.secrets import SecretsManager
from headworks.wiring import producer
from pipeline.edges import ACCEPT_ORDER
from pipeline.queues import ORDERS

log = PowertoolsLog(ACCEPT_ORDER.function)
settings = Settings()
secrets = SecretsManager(clients.secrets_manager())

checkout = Checkout(
    orders=producer(ORDERS, log, settings),
    tokens=lambda: secrets.get(settings.producer_secret),
    log=log,
)
handler = serve(checkout.accept, log=log)
