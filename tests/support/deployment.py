"""This pipeline's resources in moto, and an entry point that finds them as it would on Lambda."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headworks import settings
from pipeline import TOPOLOGY
from tests.support.entry_point import cold_start

if TYPE_CHECKING:
    from headworks.queue import Queue

DEDUPLICATION_TABLE = "deduplication"
LEDGER_TABLE = "ledger"
BUCKET = "bodies"


class Deployment:
    """Everything that the edges need; `secret` is every secret's string."""

    def __init__(self, aws: Any, monkeypatch: Any, *, secret: str) -> None:
        self._aws, self._monkeypatch, self._secret = aws, monkeypatch, secret
        self._make_queues()
        self._make_stores()
        self._make_secrets()

    def handler(self, function: str) -> Any:
        """The function's entry point, imported anew: a cold start."""
        return cold_start(function)

    def bodies(self, url: str) -> list[str]:
        """What lies on a queue."""
        received = self._aws("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        return [message["Body"] for message in received.get("Messages", [])]

    def _make_queues(self) -> None:
        self.urls: dict[str, str] = {}
        self.dead_letter_urls: dict[str, str] = {}
        for queue in TOPOLOGY.queues:
            if queue.is_fanned_out:
                self._monkeypatch.setenv(
                    queue.topic_variable, f"arn:aws:sns:us-east-1:000000000000:{queue.name}"
                )
            for consumer in queue.consumers:
                name = queue.resource_id_of(consumer)
                self.urls[queue.name] = self._make_queue(queue, name, queue.url_variable(consumer))
                self.dead_letter_urls[queue.name] = self._make_queue(
                    queue, f"{name}Dead", queue.dead_letter_url_variable(consumer)
                )

    def _make_queue(self, queue: Queue, name: str, variable: str) -> str:
        ordered = {"QueueName": f"{name}.fifo", "Attributes": {"FifoQueue": "true"}}
        made = self._aws("sqs").create_queue(**(ordered if queue.fifo else {"QueueName": name}))
        url: str = made["QueueUrl"]
        self._monkeypatch.setenv(variable, url)
        return url

    def _make_stores(self) -> None:
        for table in (DEDUPLICATION_TABLE, LEDGER_TABLE):
            self._aws("dynamodb").create_table(
                TableName=table,
                KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        self._monkeypatch.setenv(settings.LEDGER_TABLE, LEDGER_TABLE)
        self._aws("s3").create_bucket(Bucket=BUCKET)
        self._monkeypatch.setenv(settings.DEDUPLICATION_TABLE, DEDUPLICATION_TABLE)
        self._monkeypatch.setenv(settings.CLAIM_CHECK_BUCKET, BUCKET)

    def _make_secrets(self) -> None:
        variables = [source.secret_variable for source in TOPOLOGY.sources] + [settings.PRODUCER_SECRET]
        for variable in variables:
            self._aws("secretsmanager").create_secret(Name=variable.lower(), SecretString=self._secret)
            self._monkeypatch.setenv(variable, variable.lower())
