"""Lambda entry point: sends messages whose wait is over back to their queues, and carries replays on."""

from __future__ import annotations

from headworks.settings import Settings
from headworks.telemetry import PowertoolsLog
from headworks.upkeep import WAKE_WAITING
from pipeline import TOPOLOGY
from wake_waiting.backlogs import backlogs
from wake_waiting.expiries import expiries
from wake_waiting.pauses import pauses
from wake_waiting.rounds import Rounds
from wake_waiting.wakers import replays, wakers

log = PowertoolsLog(WAKE_WAITING.function)
settings = Settings()

rounds = Rounds(
    wakers(TOPOLOGY, settings, log),
    replays=replays(TOPOLOGY, settings, log),
    beside=[pauses(TOPOLOGY, settings), expiries(TOPOLOGY, settings), backlogs(TOPOLOGY, settings, log)],
    log=log,
)
handler = rounds.go
