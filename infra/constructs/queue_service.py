"""A queue and what serves it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sqs as sqs

    from headworks.queue import Queue


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueService:
    """The parts of a declared queue, as ordinary constructs: what isn't a setting is done with plain CDK.

    `consumer` is the package that `function` runs.
    """

    declaration: Queue
    queue: sqs.Queue
    dead_letter_queue: sqs.Queue
    consumer: str
    function: lambda_.Function
