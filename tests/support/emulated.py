"""One function's surroundings on the emulator, as its deployment gives them, and its entry point among them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from headworks import settings
from infra.local.environment import REGION
from pipeline import TOPOLOGY
from tests.conftest import LEDGER_TABLE
from tests.support.entry_point import cold_start
from tests.support.orders import make_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from headworks.queue import Queue

FIFO = {"FifoQueue": "true"}


class Emulated:
    """What one function may use and nothing else; `urls` are by consumer, `tables` and `buckets` by name."""

    def __init__(self, aws: Callable[[str], Any], monkeypatch: Any, function: str) -> None:
        self.aws, self._monkeypatch, self._function = aws, monkeypatch, function
        self._suffix = uuid4().hex[:8]
        self.urls: dict[str, str] = {}
        self.tables: dict[str, str] = {}
        self.buckets: dict[str, str] = {}
        self._make_client_settings()
        self._make_stores()
        for queue in TOPOLOGY.queues:
            emitting = {name for each in TOPOLOGY.queues if function in each.consumers for name in each.emits}
            if function in queue.consumers:
                self._make_consumers(queue, [function])
            elif queue.name in emitting:
                self._make_consumers(queue, queue.consumers)
                self._make_topic(queue)
        for bucket in TOPOLOGY.buckets:
            if function in bucket.functions:
                self.buckets[bucket.name] = self._make_bucket(bucket.name, bucket.variable)
        for table in TOPOLOGY.tables:
            if function in table.functions:
                self.tables[table.name] = make_table(self.aws("dynamodb"), self._named(table.name))
                self._set(table.variable, self.tables[table.name])

    def handler(self) -> Any:
        """The function's entry point, imported anew: a cold start."""
        return cold_start(self._function)

    def received(self, consumer: str) -> list[Any]:
        """What lies on a consumer's queue."""
        answer = self.aws("sqs").receive_message(
            QueueUrl=self.urls[consumer], MaxNumberOfMessages=10, AttributeNames=["All"], WaitTimeSeconds=2
        )
        messages: list[Any] = answer.get("Messages", [])
        return messages

    def _make_client_settings(self) -> None:
        self._set("AWS_ENDPOINT_URL", self.aws("sqs").meta.endpoint_url)
        self._set("AWS_DEFAULT_REGION", REGION)
        for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            self._set(variable, "test")

    def _make_stores(self) -> None:
        ledger = self._named("ledger")
        self.aws("dynamodb").create_table(TableName=ledger, **LEDGER_TABLE)
        self._set(settings.LEDGER_TABLE, ledger)
        self._set(
            settings.DEDUPLICATION_TABLE, make_table(self.aws("dynamodb"), self._named("deduplication"))
        )
        self._make_bucket("bodies", settings.CLAIM_CHECK_BUCKET)

    def _make_bucket(self, name: str, variable: str) -> str:
        bucket = self._named(name)
        self.aws("s3").create_bucket(Bucket=bucket)
        self._set(variable, bucket)
        return bucket

    def _make_consumers(self, queue: Queue, consumers: Any) -> None:
        for consumer in consumers:
            name = queue.resource_id_of(consumer)
            self.urls[consumer] = self._make_queue(queue, name, queue.url_variable(consumer))
            self._make_queue(queue, f"{name}Dead", queue.dead_letter_url_variable(consumer))

    def _make_queue(self, queue: Queue, name: str, variable: str) -> str:
        suffix, attributes = (".fifo", FIFO) if queue.fifo else ("", {})
        made = self.aws("sqs").create_queue(QueueName=self._named(name) + suffix, Attributes=attributes)
        url: str = made["QueueUrl"]
        self._set(variable, url)
        return url

    def _make_topic(self, queue: Queue) -> None:
        topic = self.aws("sns").create_topic(
            Name=f"{self._named(queue.resource_id)}.fifo", Attributes={"FifoTopic": "true"}
        )["TopicArn"]
        for consumer in queue.consumers:
            attributes = self.aws("sqs").get_queue_attributes(
                QueueUrl=self.urls[consumer], AttributeNames=["QueueArn"]
            )["Attributes"]
            self.aws("sns").subscribe(
                TopicArn=topic,
                Protocol="sqs",
                Endpoint=attributes["QueueArn"],
                Attributes={"RawMessageDelivery": "true"},
            )
        self._set(queue.topic_variable, topic)

    def _named(self, name: str) -> str:
        return f"{name.lower()}-{self._suffix}"

    def _set(self, variable: str, value: str) -> None:
        self._monkeypatch.setenv(variable, value)


def told(text: str) -> list[dict[str, Any]]:
    """The JSON lines of a function's output that tell an action."""
    lines = [json.loads(line) for line in text.splitlines()]
    return [line for line in lines if "_aws" not in line]
