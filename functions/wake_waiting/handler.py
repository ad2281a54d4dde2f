"""Lambda entry point: sends messages whose wait is over back to their queues."""

from __future__ import annotations

from headworks.settings import Settings
from headworks.telemetry import PowertoolsLog
from headworks.upkeep import WAKE_WAITING
from pipeline import TOPOLOGY
from wake_waiting.rounds import Rounds
from wake_waiting.wakers import wakers

log = PowertoolsLog(WAKE_WAITING.function)

handler = Rounds(wakers(TOPOLOGY, Settings(), log), log=log).go
