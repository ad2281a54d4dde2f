"""Putting together what operators use, from a function's settings; consumers and edges don't pay for importing it."""

from __future__ import annotations

import time
from functools import cache, partial
from typing import TYPE_CHECKING

from headworks import clients
from headworks.brokers.sqs import SqsBroker
from headworks.clock import SystemClock
from headworks.deduplication import DynamoDBAcceptances
from headworks.ledger.dynamodb_catalogue import DynamoDBCatalogue
from headworks.ledger.dynamodb_dead_letters import DynamoDBDeadLetters
from headworks.ledger.interventions import DynamoDBInterventions
from headworks.operations.directory import ParameterDirectory, place_of
from headworks.operations.dynamodb_replay_store import DynamoDBReplayStore
from headworks.operations.kept_back import KeptBack
from headworks.operations.keyed_finder import KeyedFinder
from headworks.operations.mappings import LambdaMappings
from headworks.operations.metrics import CloudWatchMetrics
from headworks.operations.on_demand import DeployedOnDemand
from headworks.operations.on_redis import OnRedis
from headworks.operations.pausing import DeployedPauses
from headworks.operations.purging import DeployedPurging
from headworks.operations.replaying import ReplayParts, StoredReplays
from headworks.operations.resuming import Resuming
from headworks.operations.statistics import DeployedStatistics, Sources
from headworks.wiring import claim_check, flags, memory, redis_url, way_back

if TYPE_CHECKING:
    from collections.abc import Callable

    from headworks.brokers.broker import Resender
    from headworks.brokers.redis.connection import Connection
    from headworks.ledger.catalogue import Address
    from headworks.settings import Settings
    from headworks.telemetry import Log
    from headworks.topology import Topology


def catalogue(settings: Settings) -> DynamoDBCatalogue:
    """Everybody's deployed ledgers, to be read."""
    return DynamoDBCatalogue(clients.dynamodb(), table=settings.ledger_table)


def finder(topology: Topology, settings: Settings) -> KeyedFinder:
    """What is known of a name, at the deployed edges and in the deployed ledgers."""
    acceptances = DynamoDBAcceptances(clients.dynamodb(), table=settings.deduplication_table)
    return KeyedFinder(
        topology=topology,
        acceptances=acceptances,
        catalogue=catalogue(settings),
        on_redis=on_redis(topology, settings),
    )


def dead_letters(topology: Topology, settings: Settings, address: Address) -> DynamoDBDeadLetters:
    """A consumer's deployed dead letters, to be changed."""
    queue = next(queue for queue in topology.queues if queue.name == address.queue)
    return DynamoDBDeadLetters(queue, address.consumer, clients.dynamodb(), table=settings.ledger_table)


def directory(settings: Settings) -> ParameterDirectory:
    """Where the deployment has put everybody's parts."""
    return ParameterDirectory(clients.ssm(), path=settings.consumers_path)


def kept_back(topology: Topology, settings: Settings) -> KeptBack:
    """What paused sources sent, in the deployed ledgers."""
    return KeptBack(
        topology,
        catalogue=catalogue(settings),
        interventions=partial(_interventions, topology, settings),
        clock=SystemClock(),
    )


def resuming(topology: Topology, settings: Settings) -> Resuming:
    """Who lets go what resumed sources sent."""
    return Resuming(flags(settings), kept_back(topology, settings), clock=SystemClock())


def on_redis(topology: Topology, settings: Settings) -> OnRedis:
    """The queues that travel over the deployment's Redis: none where it has no server."""
    urls = {queue.name: url for queue in topology.queues if (url := redis_url(queue, settings))}

    def connect() -> Connection:
        [url] = set(urls.values())
        return clients.redis(url)

    return OnRedis([queue for queue in topology.queues if queue.name in urls], connect)


def pauses(topology: Topology, settings: Settings, log: Log) -> DeployedPauses:
    """Who pauses what is deployed."""
    return DeployedPauses(
        topology,
        flags=flags(settings),
        mappings=LambdaMappings(clients.lambda_(), directory(settings)),
        on_redis=on_redis(topology, settings),
        resuming=resuming(topology, settings),
        clock=SystemClock(),
        log=log,
    )


def on_demand(topology: Topology, settings: Settings, log: Log) -> DeployedOnDemand:
    """Who has deployed functions process messages on demand."""
    return DeployedOnDemand(
        topology,
        sqs=clients.sqs(),
        invoking=clients.lambda_to_invoke,
        directory=directory(settings),
        log=log,
    )


def purging(topology: Topology, settings: Settings, log: Log) -> DeployedPurging:
    """Who purges deployed queues."""
    return DeployedPurging(
        topology,
        sqs=clients.sqs(),
        directory=directory(settings),
        on_redis=on_redis(topology, settings),
        memory=partial(memory, settings),
        interventions=partial(_interventions, topology, settings),
        clock=SystemClock(),
        log=log,
    )


def replays(
    topology: Topology,
    settings: Settings,
    log: Log,
    *,
    broker: Callable[[Address], Resender] | None = None,
) -> StoredReplays:
    """Who puts deployed dead letters back: over Redis where their queue travels over it, else on the queues that the
    directory names, unless told otherwise.
    """
    queues = {queue.name: queue for queue in topology.queues}

    def sending_to(address: Address) -> Resender:
        if url := redis_url(queues[address.queue], settings):
            return way_back(queues[address.queue], address.consumer, url)
        place = place_of(directory(settings), address)
        return SqsBroker(
            queues[address.queue],
            clients.sqs(),
            url=place.url,
            dead_letter_url=place.dead_letter_url,
            log=log,
        )

    @cache
    def dead_letters(address: Address) -> DynamoDBDeadLetters:
        return DynamoDBDeadLetters(
            queues[address.queue], address.consumer, clients.dynamodb(), table=settings.ledger_table
        )

    return StoredReplays(
        ReplayParts(
            topology=topology,
            catalogue=catalogue(settings),
            dead_letters=dead_letters,
            broker=broker or cache(sending_to),
            claim_check=lambda queue: claim_check(queue, settings),
            store=DynamoDBReplayStore(clients.dynamodb(), table=settings.ledger_table),
            clock=SystemClock(),
            log=log,
            pause=time.sleep,
        )
    )


def statistics(topology: Topology, settings: Settings, log: Log) -> DeployedStatistics:
    """Who counts what is deployed."""
    where, clock = directory(settings), SystemClock()
    sources = Sources(
        sqs=clients.sqs(),
        directory=where,
        mappings=LambdaMappings(clients.lambda_(), where),
        flags=flags(settings),
        catalogue=catalogue(settings),
        kept_back=kept_back(topology, settings),
        metrics=CloudWatchMetrics(clients.cloudwatch(), clock=clock),
        on_redis=on_redis(topology, settings),
    )
    return DeployedStatistics(topology, sources, clock=clock, log=log)


def _interventions(topology: Topology, settings: Settings, address: Address) -> DynamoDBInterventions:
    queue = next(queue for queue in topology.queues if queue.name == address.queue)
    return DynamoDBInterventions(queue, address.consumer, clients.dynamodb(), table=settings.ledger_table)
