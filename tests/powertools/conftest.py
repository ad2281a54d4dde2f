"""The twins: plain Powertools and a consumer of ours, each on a table of its own in the same DynamoDB (moto)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)

from headworks.consumer import Consumer
from headworks.ledger.dynamodb import DynamoDBLedger
from headworks.message import encode
from headworks.testing.broker import MemoryBroker
from headworks.testing.events import FakeContext, sqs_event, sqs_record
from headworks.wiring import ConsumerParts
from tests.support.declarations import a_message, a_queue
from tests.support.partiql import read_partiql

IN_PROGRESS, COMPLETED = "INPROGRESS", "COMPLETED"


@dataclass(frozen=True)
class Stored:
    """A table and how to look into it."""

    name: str
    client: Any

    @property
    def item(self) -> dict[str, Any]:
        """Its only item, its values without their types."""
        [item] = self.items
        return item

    @property
    def items(self) -> list[dict[str, Any]]:
        found = self.client.scan(TableName=self.name, ConsistentRead=True)["Items"]
        return [{name: next(iter(value.values())) for name, value in item.items()} for item in found]


class Effects(list):
    """What has happened."""

    def of(self, order):
        """A function that Powertools can make idempotent."""
        self.append(order)


@pytest.fixture
def effects():
    return Effects()


def do_nothing(order):
    """A function whose effect doesn't matter."""


@pytest.fixture
def dynamodb(aws):
    client = aws("dynamodb")
    read_partiql(client, through=aws("dynamodb"))
    return client


@pytest.fixture
def stored(dynamodb, table):
    return Stored(table, dynamodb)


@pytest.fixture
def plain(stored):
    """Answers a function made idempotent by Powertools, with a persistence layer of its own unless it is given one."""

    def make(function, *, layer=None, context=None, prefix=None, **config):
        configuration = IdempotencyConfig(**config)
        configuration.register_lambda_context(context or FakeContext())
        return idempotent_function(
            function,
            data_keyword_argument="order",
            persistence_store=layer or DynamoDBPersistenceLayer(stored.name, boto3_client=stored.client),
            config=configuration,
            key_prefix=prefix,
        )

    return make


@pytest.fixture
def ledger(stored, clock):
    return DynamoDBLedger(a_queue(), "fulfil_order", stored.client, table=stored.name, clock=clock)


class Ours:
    """A consumer on that table, and what it says.  `meanwhile` happens while it waits for the store."""

    def __init__(self, stored, clock, log):
        self.meanwhile = lambda: None
        self.broker, self.log, self.counts = MemoryBroker(), log, {}
        self._stored, self._clock = stored, clock

    def consumer(self, handle, **fields):
        """A consumer as it is deployed, but for its transport."""
        queue = a_queue(**fields)
        return Consumer(queue, handle, parts=self._parts(queue), clock=self._clock)

    def receive(self, handle, *names, context=None, customers=(), **fields):
        """Have a batch handled; answers the names that come back.  `customers` are the ordering keys."""
        consumer = self.consumer(handle, **fields)
        records = [
            an_order(name, customer)
            for name, customer in zip(names, customers or [None] * len(names), strict=True)
        ]
        return failed(consumer(sqs_event(*records), context or FakeContext()))

    @property
    def outcome(self):
        return self.broker.settled[-1].outcome

    def _parts(self, queue):
        return ConsumerParts(
            broker=self.broker,
            ledger=DynamoDBLedger(
                queue, queue.consumers[0], self._stored.client, table=self._stored.name, clock=self._clock
            ),
            log=self.log,
            counts=lambda outcomes, _durations: self.counts.update(outcomes),
            pause=self._wait,
        )

    def _wait(self, seconds):
        self._clock.advance(timedelta(seconds=seconds))
        self.meanwhile()


@pytest.fixture
def ours(stored, clock, log):
    return Ours(stored, clock, log)


def an_order(name, customer=None):
    """One order, as SQS hands it out."""
    message = a_message(b'{"order": "%s"}' % name.encode(), idempotency_key=name, ordering_key=customer)
    group = {} if customer is None else {"MessageGroupId": customer}
    return sqs_record(encode(message), message_id=name, **group)


def failed(answer):
    """The names in a partial response."""
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
