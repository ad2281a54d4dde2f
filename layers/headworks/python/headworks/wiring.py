"""Putting the parts together from a function's settings: what composition roots call."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headworks import clients
from headworks.brokers.sns import SnsBroker
from headworks.brokers.sqs import SqsBroker
from headworks.claim_check import ClaimCheck
from headworks.deduplication import DynamoDBDeduplication
from headworks.ledger.dynamodb import DynamoDBLedger
from headworks.producer import Producer
from headworks.settings import Settings
from headworks.telemetry import PowertoolsLog, powertools_counts

if TYPE_CHECKING:
    from collections.abc import Callable

    from headworks.announcements import Announcer
    from headworks.brokers.broker import Broker, Sender
    from headworks.brokers.sqs_receiving import SqsReceiver
    from headworks.ledger.ledger import Ledger
    from headworks.operations.flags import DynamoDBFlags
    from headworks.queue import Queue
    from headworks.telemetry import Counts, Log


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerParts:
    """What a consumer works with; `version` is the code's, as histories name it."""

    broker: Broker
    ledger: Ledger
    log: Log
    counts: Counts
    claim_check: ClaimCheck | None = None
    version: str = ""
    announcer: Announcer | None = None
    exit_process: Callable[[int], object] = os._exit
    pause: Callable[[float], None] = time.sleep


def consumer_parts(queue: Queue, consumer: str, settings: Settings | None = None) -> ConsumerParts:
    """The deployed parts of one consumer: SQS, DynamoDB, S3, Powertools."""
    settings = settings or Settings()
    log = PowertoolsLog(consumer)
    return ConsumerParts(
        broker=sqs_broker(queue, consumer, settings, log),
        ledger=dynamodb_ledger(queue, consumer, settings),
        log=log,
        counts=powertools_counts(queue.name, consumer),
        claim_check=claim_check(queue, settings),
        version=settings.function_version,
        announcer=announcer(queue, consumer, settings, log),
    )


def producer(queue: Queue, log: Log, settings: Settings | None = None) -> Producer:
    """The deployed way into one queue, with the memory of what its edge has accepted."""
    settings = settings or Settings()
    return Producer(
        queue,
        _sender(queue, settings, log),
        log=log,
        deduplication=memory(settings, queue),
        claim_check=claim_check(queue, settings),
        ledgers=[dynamodb_ledger(queue, consumer, settings) for consumer in queue.consumers],
    )


def announcer(queue: Queue, consumer: str, settings: Settings, log: Log) -> Announcer | None:
    """Who tells of a consumer's dead letters, if its queue wants that."""
    if queue.announces_dead_to is None:
        return None
    # Imported here: a queue that doesn't ask for it has a shorter cold start.
    from headworks.announcements import Announcer
    from headworks.ledger.catalogue import Address
    from headworks.ledger.dynamodb_catalogue import DynamoDBCatalogue

    return Announcer(
        address=Address(queue.name, consumer),
        catalogue=DynamoDBCatalogue(clients.dynamodb(), table=settings.ledger_table),
        producer=producer(queue.announces_dead_to, log, settings),
    )


def sqs_broker(queue: Queue, consumer: str, settings: Settings, log: Log) -> SqsBroker:
    """The deployed queue that a consumer takes from."""
    return SqsBroker(
        queue,
        clients.sqs(),
        url=settings.queue_url(queue, consumer),
        dead_letter_url=settings.dead_letter_queue_url(queue, consumer),
        log=log,
    )


def sqs_receiver(queue: Queue, consumer: str, settings: Settings | None = None) -> SqsReceiver:
    """The deployed queue, for a worker that polls it."""
    # Imported here: on Lambda nobody polls, and a cold start doesn't pay for it.
    from headworks.brokers.sqs_receiving import SqsReceiver

    return SqsReceiver(clients.sqs_to_receive(), url=(settings or Settings()).queue_url(queue, consumer))


def dynamodb_ledger(queue: Queue, consumer: str, settings: Settings) -> DynamoDBLedger:
    """The deployed ledger of a consumer."""
    return DynamoDBLedger(queue, consumer, clients.dynamodb(), table=settings.ledger_table)


def claim_check(queue: Queue, settings: Settings) -> ClaimCheck:
    """The deployed bucket of large bodies."""
    return ClaimCheck(queue, clients.s3(), bucket=settings.claim_check_bucket)


def memory(settings: Settings, queue: Queue) -> DynamoDBDeduplication:
    """What the deployed edge of a queue remembers."""
    return DynamoDBDeduplication(queue, clients.dynamodb(), table=settings.deduplication_table)


def flags(settings: Settings) -> DynamoDBFlags:
    """The deployed record of pauses."""
    # Imported here: a consumer has none, and its cold start doesn't pay for them.
    from headworks.operations.flags import DynamoDBFlags

    return DynamoDBFlags(clients.dynamodb(), table=settings.ledger_table)


def _sender(queue: Queue, settings: Settings, log: Log) -> Sender:
    brokers = [sqs_broker(queue, consumer, settings, log) for consumer in queue.consumers]
    if not queue.is_fanned_out:
        return brokers[0]
    return SnsBroker(queue, clients.sns(), topic_arn=settings.topic_arn(queue), consumers=brokers)
