"""Putting the parts together from a function's settings: what composition roots call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from headworks import clients
from headworks.brokers.sqs import SqsBroker
from headworks.claim_check import ClaimCheck
from headworks.deduplication import DynamoDBDeduplication
from headworks.ledger.dynamodb import DynamoDBLedger
from headworks.producer import Producer
from headworks.settings import Settings
from headworks.telemetry import PowertoolsLog, powertools_counts

if TYPE_CHECKING:
    from headworks.brokers.broker import Broker
    from headworks.ledger.ledger import Ledger
    from headworks.queue import Queue
    from headworks.telemetry import Counts, Log


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerParts:
    """What a consumer works with."""

    broker: Broker
    ledger: Ledger
    log: Log
    counts: Counts
    claim_check: ClaimCheck | None = None


def consumer_parts(queue: Queue, consumer: str, settings: Settings | None = None) -> ConsumerParts:
    """The deployed parts of one consumer: SQS, DynamoDB, S3, Powertools."""
    settings = settings or Settings()
    log = PowertoolsLog(consumer)
    return ConsumerParts(
        broker=_broker(queue, settings, log),
        ledger=DynamoDBLedger(queue, consumer, clients.dynamodb(), table=settings.ledger_table),
        log=log,
        counts=powertools_counts(queue.name, consumer),
        claim_check=_claim_check(queue, settings),
    )


def producer(queue: Queue, log: Log, settings: Settings | None = None) -> Producer:
    """The deployed way into one queue, with the memory of what its edge has accepted."""
    settings = settings or Settings()
    return Producer(
        queue,
        _broker(queue, settings, log),
        log=log,
        deduplication=DynamoDBDeduplication(queue, clients.dynamodb(), table=settings.deduplication_table),
        claim_check=_claim_check(queue, settings),
    )


def _broker(queue: Queue, settings: Settings, log: Log) -> SqsBroker:
    return SqsBroker(
        queue,
        clients.sqs(),
        url=settings.queue_url(queue),
        dead_letter_url=settings.dead_letter_queue_url(queue),
        log=log,
    )


def _claim_check(queue: Queue, settings: Settings) -> ClaimCheck:
    return ClaimCheck(queue, clients.s3(), bucket=settings.claim_check_bucket)
