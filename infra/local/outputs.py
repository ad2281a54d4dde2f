"""What is deployed and how to reach it: `.local/outputs.json`, for the command line, tests and people."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from infra.local.errors import NotRunning

if TYPE_CHECKING:
    from pathlib import Path


class SourceOutput(msgspec.Struct, frozen=True):
    """Where a source posts to, under the endpoint, and what it signs with."""

    path: str
    secret: str


class EndpointOutput(msgspec.Struct, frozen=True):
    """Where deliveries to an endpoint go, and what they are signed with."""

    url: str
    secret: str


class ConsumerOutput(msgspec.Struct, frozen=True):
    """The URL of the queue that a consumer takes from, and its dead-letter queue's."""

    url: str
    dead_letter_queue_url: str


class QueueOutput(msgspec.Struct, frozen=True):
    """A queue's consumers by name, and the topic that stands before several."""

    consumers: dict[str, ConsumerOutput]
    topic_arn: str | None = None


class Outputs(msgspec.Struct, frozen=True, kw_only=True):
    """The local run, as others need to know it.  Holds secrets: of this run, and worth nothing after it."""

    endpoint: str
    sources: dict[str, SourceOutput]
    producer_token: str
    admin_token: str
    inbox_url: str
    inbox_secret: str
    endpoints: dict[str, EndpointOutput]
    aws_endpoint_url: str
    queues: dict[str, QueueOutput]
    ledger_table: str
    deduplication_table: str
    claim_check_bucket: str
    tables: dict[str, str] = {}
    buckets: dict[str, str] = {}

    def write(self, path: Path) -> None:
        """Put the whole file there at once: whoever reads it never sees half of it."""
        text = msgspec.json.format(msgspec.json.encode(self), indent=2)
        partial = path.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text + b"\n")
        partial.replace(path)


def read_outputs(path: Path) -> Outputs:
    """The outputs of the run that is up.  Raises `NotRunning`."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Outputs)
    except FileNotFoundError:
        raise NotRunning from None
