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
from headworks.errors import MissingSetting
from headworks.ledger.dynamodb import DynamoDBLedger
from headworks.producer import Producer
from headworks.settings import REDIS_URL, Settings
from headworks.telemetry import PowertoolsLog, powertools_counts

if TYPE_CHECKING:
    from collections.abc import Callable

    from headworks.announcements import Announcer
    from headworks.brokers.broker import Broker, Resender, Sender
    from headworks.brokers.sqs_receiving import SqsReceiver
    from headworks.brokers.sqs_visibility import SqsVisibility
    from headworks.draining import Stream
    from headworks.ledger.ledger import Ledger
    from headworks.operations.flags import DynamoDBFlags
    from headworks.queue import Queue
    from headworks.settings import RedisUrl
    from headworks.telemetry import Counts, Log
    from headworks.working.parts import RedisParts


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
    over_redis = redis_url(queue, settings)
    return Producer(
        queue,
        _entrance(queue, over_redis, settings, log) if over_redis else _sender(queue, settings, log),
        log=log,
        # Redis remembers by itself what it has accepted.
        deduplication=None if over_redis else memory(settings, queue),
        transport_waits=over_redis is not None,
        claim_check=claim_check(queue, settings),
        ledgers=[dynamodb_ledger(queue, consumer, settings) for consumer in queue.consumers],
    )


def redis_url(queue: Queue, settings: Settings) -> RedisUrl | None:
    """The server that a queue travels over; none where it is SQS."""
    return settings.redis_url if queue.transport == "redis" else None


def redis_parts(own: ConsumerParts, url: RedisUrl) -> RedisParts:
    """What takes a consumer's messages from Redis: its dead letters go where all the others are."""
    # Imported here: a consumer on SQS has a shorter cold start.
    from headworks.working.parts import RedisParts

    return RedisParts(
        address=clients.redis_address(url),
        log=own.log,
        counts=own.counts,
        claim_check=own.claim_check,
        lasting=own.ledger,
        announcer=own.announcer,
        version=own.version,
        exit_process=own.exit_process,
    )


def stream(queue: Queue, consumer: str, own: ConsumerParts, settings: Settings | None = None) -> Stream:
    """The stream that a consumer's drain takes from.  Raises `MissingSetting` in a deployment without Redis."""
    from headworks.draining import Stream

    settings = settings or Settings()
    url = redis_url(queue, settings)
    if url is None:
        raise MissingSetting(REDIS_URL, f"the Redis that the queue {queue.name} travels over")
    return Stream(parts=redis_parts(own, url), is_paused=pause_of(queue, consumer, settings))


def pause_of(queue: Queue, consumer: str, settings: Settings | None = None) -> Callable[[], bool]:
    """Who answers whether a consumer is paused, and raises `Unavailable` where that can't be read."""
    from headworks.ledger.catalogue import Address
    from headworks.operations.flags import of_consumer

    record, name = flags(settings or Settings()), of_consumer(Address(queue.name, consumer))

    def is_paused() -> bool:
        flag = record.read([name]).get(name)
        return flag is not None and flag.is_up

    return is_paused


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


def resender(queue: Queue, consumer: str, settings: Settings, log: Log) -> Resender:
    """The way back to a deployed consumer: its messages travel over what they would travel over as new ones."""
    url = redis_url(queue, settings)
    return sqs_broker(queue, consumer, settings, log) if url is None else way_back(queue, consumer, url)


def way_back(queue: Queue, consumer: str, url: RedisUrl) -> Resender:
    """The way back over Redis, for what the deployed ledger keeps."""
    from headworks.brokers.redis.keys import Keys
    from headworks.brokers.redis.putting_back import WayBack

    return WayBack(queue, Keys(queue.name).of(consumer), clients.redis(url), from_ledger=True)


def sqs_receiver(queue: Queue, consumer: str, settings: Settings | None = None) -> SqsReceiver:
    """The deployed queue, for a worker that polls it."""
    # Imported here: on Lambda nobody polls, and a cold start doesn't pay for it.
    from headworks.brokers.sqs_receiving import SqsReceiver

    return SqsReceiver(clients.sqs_to_receive(), url=(settings or Settings()).queue_url(queue, consumer))


def sqs_visibility(queue: Queue, consumer: str, settings: Settings | None = None) -> SqsVisibility:
    """The deployed queue, for a worker whose handlers may take longer than it hides messages."""
    # Imported here, as the receiver is.
    from headworks.brokers.sqs_visibility import SqsVisibility

    return SqsVisibility(clients.sqs(), url=(settings or Settings()).queue_url(queue, consumer))


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


def _entrance(queue: Queue, url: RedisUrl, settings: Settings, log: Log) -> Sender:
    # Imported here: whoever sends over SQS alone has a shorter cold start.
    from headworks.brokers.redis.broker import RedisSender
    from headworks.brokers.redis.entrance import RedisEntrance
    from headworks.brokers.redis.keys import Keys
    from headworks.brokers.redis.memory_mark import MemoryMark

    sender = RedisSender(queue, clients.redis(url), Keys(queue.name), mark=MemoryMark())
    return RedisEntrance(sender, graveyard=_sender(queue, settings, log))


def _sender(queue: Queue, settings: Settings, log: Log) -> Sender:
    brokers = [sqs_broker(queue, consumer, settings, log) for consumer in queue.consumers]
    if not queue.is_fanned_out:
        return brokers[0]
    return SnsBroker(queue, clients.sns(), topic_arn=settings.topic_arn(queue), consumers=brokers)
