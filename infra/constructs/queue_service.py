"""A queue and what serves it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from headworks.errors import HeadworksError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sns as sns
    from aws_cdk import aws_sqs as sqs

    from headworks.queue import Queue


class SeveralConsumers(HeadworksError):
    """A queue has several consumers, so it matters whose part is meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumerService:
    """One consumer's parts, as ordinary constructs; `name` is the package that `function` runs.

    `drain` runs it, too, where messages come over Redis.  `mapping_id` and `mapping_arn` are of the
    event source mapping between `queue` and `function`.
    """

    declaration: Queue
    name: str
    queue: sqs.Queue
    dead_letter_queue: sqs.Queue
    function: lambda_.Function
    mapping_id: str
    mapping_arn: str
    drain: lambda_.Function | None = None

    @property
    def id_(self) -> str:
        """What ids of constructs that are about this consumer begin with."""
        return self.declaration.resource_id_of(self.name)

    @property
    def label(self) -> str:
        """What people call it: the queue, and of several consumers the consumer."""
        queue = self.declaration
        return f"{queue.name}/{self.name}" if queue.is_fanned_out else queue.name


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueService:
    """The parts of a declared queue: what isn't a setting is done with plain CDK.

    `function`, `queue` and `dead_letter_queue` are the only consumer's; of several,
    `consumer(name)` has them, and `topic` is what stands before them.
    """

    declaration: Queue
    consumers: Mapping[str, ConsumerService]
    topic: sns.Topic | None

    def consumer(self, name: str) -> ConsumerService:
        """The parts of one consumer."""
        return self.consumers[name]

    @property
    def function(self) -> lambda_.Function:
        """The consumer's function."""
        return self._only.function

    @property
    def queue(self) -> sqs.Queue:
        """The queue that the consumer takes from."""
        return self._only.queue

    @property
    def dead_letter_queue(self) -> sqs.Queue:
        """The net under it."""
        return self._only.dead_letter_queue

    @property
    def _only(self) -> ConsumerService:
        if len(self.consumers) > 1:
            names = ", ".join(self.consumers)
            raise SeveralConsumers(
                f"{self.declaration.name} has several: ask for .consumer(), one of {names}"
            )
        [only] = self.consumers.values()
        return only
