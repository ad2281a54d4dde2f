"""Lambda entry point: takes in the messages of the team's own services."""

from __future__ import annotations

from functools import cache, partial

from accept_message.acceptance import Acceptance
from headworks import clients
from headworks.clock import SystemClock
from headworks.http_api import serve
from headworks.settings import Settings
from headworks.telemetry import PowertoolsLog
from headworks.webhooks.secrets import SecretsManager
from headworks.wiring import producer
from pipeline import TOPOLOGY
from pipeline.edges import ACCEPT_MESSAGE

log = PowertoolsLog(ACCEPT_MESSAGE.function)
settings = Settings()
secrets = SecretsManager(clients.secrets_manager())

acceptance = Acceptance(
    topology=TOPOLOGY,
    producer=cache(partial(producer, log=log, settings=settings)),
    tokens=lambda: secrets.get(settings.producer_secret),
    clock=SystemClock(),
    log=log,
)
handler = serve(acceptance.answer, log=log)
