"""Lambda entry point: the admin API."""

from __future__ import annotations

from administer import routes
from administer.administration import Administration
from administer.gate import Gate
from administer.lists import Lists
from administer.troubles import Troubles
from headworks import clients
from headworks.settings import Settings
from headworks.telemetry import PowertoolsLog
from headworks.upkeep import ADMINISTER
from headworks.webhooks.secrets import SecretsManager
from headworks.wiring import catalogue
from pipeline import TOPOLOGY

log = PowertoolsLog(ADMINISTER.function)
settings = Settings()
secrets = SecretsManager(clients.secrets_manager())
ledgers = catalogue(settings)

handler = Administration(
    routes.of_lists(Lists(topology=TOPOLOGY, catalogue=ledgers)),
    topology=TOPOLOGY,
    gate=Gate(tokens=lambda: secrets.get(settings.admin_secret)),
    troubles=Troubles(log=log),
)
