"""Lambda entry point: what SQS gave up on becomes a dead letter of the ledger."""

from __future__ import annotations

from functools import cache, partial

from bury_crashed.burial import Burial
from bury_crashed.graveyard import graveyard
from headworks.settings import Settings
from headworks.telemetry import PowertoolsLog
from headworks.upkeep import BURY_CRASHED
from pipeline import TOPOLOGY

log = PowertoolsLog(BURY_CRASHED.function)
settings = Settings()

burial = Burial(
    topology=TOPOLOGY,
    url_of=settings.dead_letter_queue_url,
    graveyard=cache(partial(graveyard, settings=settings, log=log)),
    side_by_side=BURY_CRASHED.batch_size,
    log=log,
)
handler = burial.answer
