"""Lambda entry point: takes in the webhooks of the declared sources."""

from __future__ import annotations

from functools import cache, partial

from headworks import clients
from headworks.http_api import serve
from headworks.operations.paused_sources import PausedSources
from headworks.settings import Settings
from headworks.telemetry import PowertoolsLog
from headworks.webhooks.secrets import SecretsManager
from headworks.wiring import flags, producer
from pipeline import TOPOLOGY
from pipeline.edges import RECEIVE_WEBHOOK
from receive_webhook.reception import Reception

log = PowertoolsLog(RECEIVE_WEBHOOK.function)
settings = Settings()
secrets = SecretsManager(clients.secrets_manager())

reception = Reception(
    topology=TOPOLOGY,
    producer=cache(partial(producer, log=log, settings=settings)),
    secrets=lambda source: secrets.get(settings.source_secret(source)),
    is_paused=PausedSources(flags(settings), log=log).is_paused,
    log=log,
)
handler = serve(reception.receive, log=log)
