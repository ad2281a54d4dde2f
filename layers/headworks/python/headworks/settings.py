"""What the deployment tells a function: the only place that reads the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from headworks.errors import MissingSetting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from headworks.bucket import Bucket
    from headworks.outbound.endpoints import Endpoint
    from headworks.queue import Queue
    from headworks.table import Table
    from headworks.webhooks.sources import Source

LEDGER_TABLE = "LEDGER_TABLE"
DEDUPLICATION_TABLE = "DEDUPLICATION_TABLE"
CLAIM_CHECK_BUCKET = "CLAIM_CHECK_BUCKET"
CONSUMERS_PATH = "CONSUMERS_PATH"
PRODUCER_SECRET = "PRODUCER_SECRET"  # noqa: S105 - the variable's name
ADMIN_SECRET = "ADMIN_SECRET"  # noqa: S105 - the variable's name
ALLOWED_NETWORKS = "ALLOWED_NETWORKS"
REDIS_URL = "REDIS_URL"
REDIS_URL_SECRET = "REDIS_URL_SECRET"  # noqa: S105 - the variable's name
SERVICE_NAME = "POWERTOOLS_SERVICE_NAME"
LOG_LEVEL = "POWERTOOLS_LOG_LEVEL"
# Lambda's own.
FUNCTION_VERSION = "AWS_LAMBDA_FUNCTION_VERSION"


@dataclass(frozen=True, slots=True)
class RedisUrl:
    """The URL of a Redis: its text, or the name of the secret that holds it."""

    text: str
    secret: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """The environment, by meaning.  Infrastructure writes the same variables that this reads."""

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)

    def queue_url(self, queue: Queue, consumer: str) -> str:
        """The URL of the queue that this consumer takes from."""
        return self._required(queue.url_variable(consumer), f"the URL of the queue {queue.name}")

    def dead_letter_queue_url(self, queue: Queue, consumer: str) -> str:
        """The URL of this consumer's dead-letter queue."""
        return self._required(
            queue.dead_letter_url_variable(consumer), f"the URL of the dead-letter queue of {queue.name}"
        )

    def topic_arn(self, queue: Queue) -> str:
        """The topic of a queue with several consumers."""
        return self._required(queue.topic_variable, f"the topic of the queue {queue.name}")

    def table(self, table: Table) -> str:
        """The name of a table of the pipeline's own."""
        return self._required(table.variable, f"the table {table.name}")

    def bucket(self, bucket: Bucket) -> str:
        """The name of a bucket of the pipeline's own."""
        return self._required(bucket.variable, f"the bucket {bucket.name}")

    @property
    def trace_id(self) -> str | None:
        """The X-Ray trace that the present invocation belongs to; Lambda sets it for each."""
        return self.environ.get("_X_AMZN_TRACE_ID", "").partition(";")[0].removeprefix("Root=") or None

    @property
    def ledger_table(self) -> str:
        return self._required(LEDGER_TABLE, "the table of leases and completions")

    @property
    def deduplication_table(self) -> str:
        return self._required(DEDUPLICATION_TABLE, "the table of what the edge has accepted")

    @property
    def claim_check_bucket(self) -> str:
        return self._required(CLAIM_CHECK_BUCKET, "the bucket of bodies too large for a queue")

    @property
    def consumers_path(self) -> str:
        """The path of the parameters that say where consumers' parts are."""
        return self._required(CONSUMERS_PATH, "where consumers' parts are written down")

    @property
    def producer_secret(self) -> str:
        """The name of the secret that holds the producers' bearer tokens."""
        return self._required(PRODUCER_SECRET, "the secret with the producers' tokens")

    @property
    def admin_secret(self) -> str:
        """The name of the secret that holds the operators' bearer tokens."""
        return self._required(ADMIN_SECRET, "the secret with the operators' tokens")

    @property
    def redis_url(self) -> RedisUrl | None:
        """The server of the queues that are declared to travel over Redis, if this deployment has one."""
        found = RedisUrl(self.environ.get(REDIS_URL, ""), secret=self.environ.get(REDIS_URL_SECRET, ""))
        return found if found.text or found.secret else None

    @property
    def function_version(self) -> str:
        """The version of the function that runs, as Lambda tells it; empty elsewhere."""
        return self.environ.get(FUNCTION_VERSION, "")

    @property
    def allowed_networks(self) -> tuple[str, ...]:
        """Private networks (CIDR) that deliveries may go to; none by default."""
        return tuple(
            part.strip() for part in self.environ.get(ALLOWED_NETWORKS, "").split(",") if part.strip()
        )

    def source_secret(self, source: Source) -> str:
        """The name of the secret that verifies this source's signatures."""
        return self._required(source.secret_variable, f"the signing secret of the source {source.name}")

    def endpoint_secret(self, endpoint: Endpoint) -> str:
        """The name of the secret that signs deliveries to this endpoint."""
        return self._required(endpoint.secret_variable, f"the signing secret of the endpoint {endpoint.name}")

    def endpoint_url(self, endpoint: Endpoint) -> str | None:
        """Where deliveries to this endpoint go: the deployment's word before the declaration's."""
        return self.environ.get(endpoint.url_variable) or endpoint.url

    def _required(self, variable: str, what_for: str) -> str:
        value = self.environ.get(variable)
        if not value:
            raise MissingSetting(variable, what_for)
        return value
