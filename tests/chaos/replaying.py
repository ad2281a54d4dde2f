"""Who puts dead letters back in a world: over its ledger and its queue, by a process that may die."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from headworks.ledger.catalogue import Address
from headworks.ledger.memory_catalogue import MemoryCatalogue
from headworks.ledger.memory_dead_letters import MemoryDeadLetters
from headworks.operations.replaying import ReplayParts, StoredReplays
from headworks.topology import Topology
from tests.chaos.dying import DyingBroker, DyingDeadLetters, DyingLog, DyingReplayStore

if TYPE_CHECKING:
    from tests.chaos.dying import Process
    from tests.chaos.world import World


def replays_of(world: World, process: Process) -> StoredReplays:
    """A process's way of replaying."""
    queue, clock = world.declaration, process.environment.clock
    address = Address(queue.name, queue.consumers[0])
    return StoredReplays(
        ReplayParts(
            topology=Topology(queues=(queue,)),
            catalogue=MemoryCatalogue({address: world.ledger}, clock),
            dead_letters=lambda _: DyingDeadLetters(process, MemoryDeadLetters(world.ledger, clock)),
            broker=lambda _: DyingBroker(process, world.sqs_of(process)),
            claim_check=lambda _: None,
            store=DyingReplayStore(process, world.replay_store),
            clock=clock,
            log=DyingLog(process),
            pause=lambda seconds: clock.advance(timedelta(seconds=seconds)),
        )
    )
