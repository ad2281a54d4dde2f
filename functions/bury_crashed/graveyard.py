"""Putting together what works on one consumer's dead-letter queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bury_crashed.burial import Graveyard
from headworks import clients
from headworks.brokers.sqs import SqsBroker
from headworks.burying import Undertaker
from headworks.clock import SystemClock
from headworks.telemetry import powertools_counts
from headworks.wiring import announcer, claim_check, dynamodb_ledger

if TYPE_CHECKING:
    from headworks.queue import Queue
    from headworks.settings import Settings
    from headworks.telemetry import Log


def graveyard(queue: Queue, consumer: str, *, settings: Settings, log: Log) -> Graveyard:
    """The deployed parts; what dies here counts as the consumer's."""
    url = settings.dead_letter_queue_url(queue, consumer)
    return Graveyard(
        undertaker=Undertaker(
            queue=queue,
            consumer=consumer,
            ledger=dynamodb_ledger(queue, consumer, settings),
            claim_check=claim_check(queue, settings),
            clock=SystemClock(),
            log=log,
            announcer=announcer(queue, consumer, settings, log),
        ),
        # The dead-letter queue is the one that is worked on here, and nothing lies under it.
        broker=SqsBroker(queue, clients.sqs(), url=url, dead_letter_url=url, log=log),
        counts=powertools_counts(queue.name, consumer),
    )
