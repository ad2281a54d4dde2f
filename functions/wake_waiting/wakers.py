"""Putting together everybody's wakers, and who carries replays on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headworks.clock import SystemClock
from headworks.operations.wiring import replays as deployed_replays
from headworks.waking import Waker
from headworks.wiring import claim_check, dynamodb_ledger, resender

if TYPE_CHECKING:
    from headworks.brokers.broker import Resender
    from headworks.ledger.catalogue import Address
    from headworks.operations.replays import Replays
    from headworks.settings import Settings
    from headworks.telemetry import Log
    from headworks.topology import Topology


def wakers(topology: Topology, settings: Settings, log: Log) -> list[Waker]:
    """One for every consumer, in the deployed ledger and on whatever its queue travels over."""
    return [
        Waker(
            queue=queue,
            consumer=consumer,
            ledger=dynamodb_ledger(queue, consumer, settings),
            broker=resender(queue, consumer, settings, log),
            claim_check=claim_check(queue, settings),
            clock=SystemClock(),
            log=log,
        )
        for queue in topology.queues
        for consumer in queue.consumers
    ]


def replays(topology: Topology, settings: Settings, log: Log) -> Replays:
    """Who carries on what operators have asked for, on the queues that this function is told of anyway."""
    queues = {queue.name: queue for queue in topology.queues}

    def broker(address: Address) -> Resender:
        return resender(queues[address.queue], address.consumer, settings, log)

    return deployed_replays(topology, settings, log, broker=broker)
