"""A declared queue: one SQS queue for each of its consumers, and a topic before them where there are several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk.aws_sns_subscriptions import SqsSubscription
from constructs import Construct

from headworks.naming import resource_id
from infra.constructs.consumer_queue import ConsumerQueue

if TYPE_CHECKING:
    from aws_cdk import RemovalPolicy
    from aws_cdk import aws_iam as iam

    from headworks.queue import Queue


class PipelineQueue(Construct):
    """`consumers`, each one's queue by its name, and the `topic` of several.

    A consumer's queue keeps its id whatever other consumers come and go: a second one
    takes no message from the first.
    """

    def __init__(
        self, scope: Construct, id_: str, *, declaration: Queue, removal_policy: RemovalPolicy
    ) -> None:
        super().__init__(scope, id_)
        self.declaration = declaration
        self.consumers = {
            consumer: ConsumerQueue(
                self, resource_id(consumer), declaration=declaration, removal_policy=removal_policy
            )
            for consumer in declaration.consumers
        }
        self.topic = self._topic() if declaration.is_fanned_out else None

    @property
    def addresses(self) -> dict[str, str]:
        """What a sender must be told: values by the variables that `headworks.settings` reads."""
        addresses: dict[str, str] = {}
        for name, consumer in self.consumers.items():
            addresses |= consumer.addresses(name)
        if self.topic is not None:
            addresses[self.declaration.topic_variable] = self.topic.topic_arn
        return addresses

    def grant_send(self, grantee: iam.IGrantable) -> None:
        """Allow sending to every consumer."""
        if self.topic is not None:
            self.topic.grant_publish(grantee)
            return
        for consumer in self.consumers.values():
            consumer.queue.grant_send_messages(grantee)

    def grant_bury(self, grantee: iam.IGrantable) -> None:
        """Allow keeping a message among every consumer's dead letters."""
        for consumer in self.consumers.values():
            consumer.dead_letter_queue.grant_send_messages(grantee)

    def _topic(self) -> sns.Topic:
        """Raw delivery, and what can't be delivered lies where the consumer's own dead letters do.

        Encrypted like the queues, with the account's key for SNS, which costs nothing to
        keep.  AWS's own services may not use that key: an S3 notification for several
        consumers needs a key of the team's own.
        """
        fifo = self.declaration.fifo
        topic = sns.Topic(
            self,
            "FifoTopic" if fifo else "Topic",
            fifo=fifo or None,
            # Ordering keys don't share one quota.
            fifo_throughput_scope=sns.FifoThroughputScope.MESSAGE_GROUP if fifo else None,
            master_key=kms.Alias.from_alias_name(self, "Key", "alias/aws/sns"),
            enforce_ssl=True,
        )
        for consumer in self.consumers.values():
            topic.add_subscription(
                SqsSubscription(
                    consumer.queue, raw_message_delivery=True, dead_letter_queue=consumer.dead_letter_queue
                )
            )
        return topic
