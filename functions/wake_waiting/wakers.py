"""Putting together everybody's wakers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headworks.clock import SystemClock
from headworks.waking import Waker
from headworks.wiring import claim_check, dynamodb_ledger, sqs_broker

if TYPE_CHECKING:
    from headworks.settings import Settings
    from headworks.telemetry import Log
    from headworks.topology import Topology


def wakers(topology: Topology, settings: Settings, log: Log) -> list[Waker]:
    """One for every consumer, in the deployed ledger and on the deployed queues."""
    return [
        Waker(
            queue=queue,
            consumer=consumer,
            ledger=dynamodb_ledger(queue, consumer, settings),
            broker=sqs_broker(queue, consumer, settings, log),
            claim_check=claim_check(queue, settings),
            clock=SystemClock(),
            log=log,
        )
        for queue in topology.queues
        for consumer in queue.consumers
    ]
