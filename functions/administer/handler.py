"""Lambda entry point: the admin API."""

from __future__ import annotations

from functools import cache, partial

from administer import routes
from administer.administration import Administration
from administer.changes import Changes
from administer.controls import Controls
from administer.finds import Finds
from administer.gate import Gate
from administer.lists import Lists
from administer.overviews import Overviews
from administer.replaying import Replaying
from administer.troubles import Troubles
from headworks import clients
from headworks.clock import SystemClock
from headworks.operations.wiring import (
    catalogue,
    dead_letters,
    finder,
    on_demand,
    pauses,
    purging,
    replays,
    statistics,
)
from headworks.settings import Settings
from headworks.telemetry import PowertoolsLog
from headworks.upkeep import ADMINISTER
from headworks.webhooks.secrets import SecretsManager
from headworks.wiring import claim_check, memory
from pipeline import TOPOLOGY

log = PowertoolsLog(ADMINISTER.function)
settings = Settings()
clock = SystemClock()
secrets = SecretsManager(clients.secrets_manager())
ledgers = catalogue(settings)
bodies = partial(claim_check, settings=settings)

overviews = Overviews(topology=TOPOLOGY, statistics=statistics(TOPOLOGY, settings, log), clock=clock)
lists = Lists(topology=TOPOLOGY, catalogue=ledgers)
finds = Finds(topology=TOPOLOGY, finder=finder(TOPOLOGY, settings), claim_check=bodies)
changes = Changes(
    topology=TOPOLOGY,
    catalogue=ledgers,
    dead_letters=cache(partial(dead_letters, TOPOLOGY, settings)),
    deduplication=partial(memory, settings),
    claim_check=bodies,
    log=log,
)
controls = Controls(
    topology=TOPOLOGY,
    pauses=pauses(TOPOLOGY, settings, log),
    on_demand=on_demand(TOPOLOGY, settings, log),
    purging=purging(TOPOLOGY, settings, log),
    clock=clock,
)

replaying = Replaying(topology=TOPOLOGY, replays=replays(TOPOLOGY, settings, log), clock=clock)

handler = Administration(
    [
        *routes.of_overviews(overviews),
        *routes.of_lists(lists),
        *routes.of_finds(finds),
        *routes.of_changes(changes),
        *routes.of_controls(controls),
        *routes.of_replays(replaying),
    ],
    topology=TOPOLOGY,
    gate=Gate(tokens=lambda: secrets.get(settings.admin_secret)),
    troubles=Troubles(log=log),
)
