"""The queue that one consumer takes from, on SQS, with its dead-letter queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_cdk import aws_sqs as sqs
from constructs import Construct

from headworks.upkeep import BURY_CRASHED
from infra.constructs.naming import seconds

if TYPE_CHECKING:
    from datetime import timedelta

    from aws_cdk import RemovalPolicy

    from headworks.queue import Queue


class ConsumerQueue(Construct):
    """`queue` and `dead_letter_queue`, encrypted, over TLS only, with the declaration's times and limits.

    SQS can't turn a queue into a FIFO one, so the two kinds have ids of their own: a
    changed declaration makes a new queue, and whoever refers to it notices.
    """

    def __init__(
        self, scope: Construct, id_: str, *, declaration: Queue, removal_policy: RemovalPolicy
    ) -> None:
        super().__init__(scope, id_)
        self.declaration = declaration
        self._removal_policy = removal_policy
        self.dead_letter_queue = self._queue(
            "DeadLetterQueue",
            retention=declaration.dead_letter_retention,
            visibility_timeout=BURY_CRASHED.visibility_timeout,
        )
        self.queue = self._queue(
            "Queue",
            retention=declaration.retention,
            visibility_timeout=declaration.visibility_timeout,
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letter_queue, max_receive_count=declaration.receive_limit
            ),
        )

    def addresses(self, consumer: str) -> dict[str, str]:
        """What whoever uses it must be told: values by the variables that `headworks.settings` reads."""
        return {
            self.declaration.url_variable(consumer): self.queue.queue_url,
            self.declaration.dead_letter_url_variable(consumer): self.dead_letter_queue.queue_url,
        }

    def _queue(
        self, id_: str, *, retention: timedelta, visibility_timeout: timedelta, **properties: Any
    ) -> sqs.Queue:
        if self.declaration.fifo:
            id_ = f"Fifo{id_}"
            # High throughput: ordering keys don't share one quota.
            properties |= {
                "fifo": True,
                "deduplication_scope": sqs.DeduplicationScope.MESSAGE_GROUP,
                "fifo_throughput_limit": sqs.FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
            }
        return sqs.Queue(
            self,
            id_,
            retention_period=seconds(retention),
            visibility_timeout=seconds(visibility_timeout),
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            removal_policy=self._removal_policy,
            **properties,
        )
