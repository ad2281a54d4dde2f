"""What holds state: queues, topics, tables, buckets, secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, Stack

from headworks.naming import resource_id
from infra.constructs.claim_check_bucket import ClaimCheckBucket
from infra.constructs.item_table import ItemTable, LedgerTable
from infra.constructs.pipeline_queue import PipelineQueue
from infra.constructs.private_bucket import PipelineBucket
from infra.constructs.signing_secret import SigningSecret

if TYPE_CHECKING:
    from constructs import Construct

    from headworks.queue import Queue
    from headworks.topology import Topology
    from infra.deployment import Deployment


class HeadworksStorage(Stack):
    """Everything that a deployment must not lose: queues, tables and secrets by the names of their declarations."""

    def __init__(self, scope: Construct, id_: str, *, topology: Topology, deployment: Deployment) -> None:
        super().__init__(scope, id_, description="Headworks: queues, tables, large bodies and secrets")
        self._topology = topology
        self._removal_policy = deployment.removal_policy
        self.ledger = LedgerTable(self, "Ledger", removal_policy=self._removal_policy)
        self.deduplication = ItemTable(
            self, "Deduplication", removal_policy=self._removal_policy, forgets=True
        )
        self.tables = {
            table.name: ItemTable(self, f"{table.resource_id}Table", removal_policy=self._removal_policy)
            for table in topology.tables
        }
        self.buckets = {
            bucket.name: PipelineBucket(
                self,
                f"{bucket.resource_id}Bucket",
                declaration=bucket,
                removal_policy=self._removal_policy,
            )
            for bucket in topology.buckets
        }
        self.claim_check = ClaimCheckBucket(
            self, "ClaimCheck", queues=topology.queues, removal_policy=self._removal_policy
        )
        self.queues = {queue.name: self._queue(queue) for queue in topology.queues}
        self.source_secrets = {
            source.name: self._secret(
                f"Source{source.resource_id}", f"What {source.name} signs its webhooks with"
            )
            for source in topology.sources
        }
        self.endpoint_secrets = {
            endpoint.name: self._secret(
                f"Endpoint{endpoint.resource_id}", f"What deliveries to {endpoint.name} are signed with"
            )
            for endpoint in topology.endpoints
        }
        self.producer_secret = self._secret("Producer", "The bearer token of the producers")
        self.admin_secret = self._secret("Admin", "The bearer token of the operators")
        for output, value in self._outputs().items():
            CfnOutput(self, output, value=value)

    def _queue(self, queue: Queue) -> PipelineQueue:
        return PipelineQueue(self, queue.resource_id, declaration=queue, removal_policy=self._removal_policy)

    def _secret(self, id_: str, description: str) -> SigningSecret:
        return SigningSecret(self, id_, description=description, removal_policy=self._removal_policy)

    def _outputs(self) -> dict[str, str]:
        """What leads from a deployment's stack to its parts; a secret by its ARN."""
        outputs = {
            "LedgerTable": self.ledger.table.table_name,
            "DeduplicationTable": self.deduplication.table.table_name,
            "ClaimCheckBucket": self.claim_check.bucket.bucket_name,
            "ProducerSecret": self.producer_secret.secret.secret_arn,
            "AdminSecret": self.admin_secret.secret.secret_arn,
        }
        for queue in self._topology.queues:
            parts = self.queues[queue.name]
            for name, consumer in parts.consumers.items():
                id_ = queue.resource_id_of(name)
                outputs[f"QueueUrl{id_}"] = consumer.queue.queue_url
                outputs[f"DeadLetterQueueUrl{id_}"] = consumer.dead_letter_queue.queue_url
            if parts.topic is not None:
                outputs[f"TopicArn{queue.resource_id}"] = parts.topic.topic_arn
        for table in self._topology.tables:
            outputs[f"Table{table.resource_id}"] = self.tables[table.name].table.table_name
        for bucket in self._topology.buckets:
            outputs[f"Bucket{bucket.resource_id}"] = self.buckets[bucket.name].bucket.bucket_name
        for name, source in self.source_secrets.items():
            outputs[f"SourceSecret{resource_id(name)}"] = source.secret.secret_arn
        for name, endpoint in self.endpoint_secrets.items():
            outputs[f"EndpointSecret{resource_id(name)}"] = endpoint.secret.secret_arn
        return outputs
