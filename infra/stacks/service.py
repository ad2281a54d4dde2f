"""What runs: functions, the HTTP API, mappings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Annotations, CfnOutput, Stack

from headworks import settings
from infra.constructs.consumer_function import ConsumerFunction
from infra.constructs.edge_api import EdgeApi
from infra.constructs.naming import construct_id
from infra.constructs.pipeline_function import PipelineFunction
from infra.constructs.pipeline_layers import PipelineLayers
from infra.constructs.queue_service import QueueService

if TYPE_CHECKING:
    from collections.abc import Iterable

    from constructs import Construct

    from headworks.edge import Edge
    from headworks.queue import Queue
    from headworks.topology import Topology
    from infra.deployment import Deployment
    from infra.stacks.storage import HeadworksStorage


class HeadworksService(Stack):
    """One function for every edge and every consumer; each may do what its part asks for and no more."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        topology: Topology,
        deployment: Deployment,
        storage: HeadworksStorage,
    ) -> None:
        super().__init__(scope, id_, description="Headworks: functions, HTTP API and event source mappings")
        self._topology = topology
        self._deployment = deployment
        self._storage = storage
        self._layers = PipelineLayers(self, "Layers", deployment=deployment)
        self.api = EdgeApi(self, "Api", deployment=deployment)
        self.edges = {edge.function: self._edge(edge) for edge in topology.edges}
        self._queues = {queue.name: self._queue(queue) for queue in topology.queues}
        CfnOutput(self, "Endpoint", value=self.api.api.api_endpoint)

    def queue(self, name: str) -> QueueService:
        """The parts of a declared queue."""
        return self._queues[name]

    def _queue(self, queue: Queue) -> QueueService:
        source = self._storage.queues[queue.name]
        [package] = queue.consumers
        consumer = ConsumerFunction(
            self,
            construct_id(package),
            package=package,
            source=source,
            layers=self._layers,
            deployment=self._deployment,
        )
        consumer.tell(settings.LEDGER_TABLE, self._storage.ledger.table.table_name)
        self._storage.ledger.grant_items(consumer.function)
        consumer.tell(settings.CLAIM_CHECK_BUCKET, self._storage.claim_check.bucket.bucket_name)
        self._storage.claim_check.grant_check_out(consumer, queue)
        if any(route.endpoint for route in self._topology.routes if route.queue == queue.name):
            self._lead_to_endpoints(consumer)
        return QueueService(
            declaration=queue,
            queue=source.queue,
            dead_letter_queue=source.dead_letter_queue,
            consumer=package,
            function=consumer.function,
        )

    def _lead_to_endpoints(self, consumer: ConsumerFunction) -> None:
        for endpoint in self._topology.endpoints:
            secret = self._storage.endpoint_secrets[endpoint.name].secret
            consumer.tell(endpoint.secret_variable, secret.secret_arn)
            secret.grant_read(consumer.function)
            if url := self._deployment.url_of(endpoint):
                consumer.tell(endpoint.url_variable, url)
            else:
                Annotations.of(consumer).add_warning_v2(
                    f"headworks:{endpoint.context_key}",
                    f"the endpoint {endpoint.name} has no URL, so deliveries to it will fail: "
                    f"give it with `-c {endpoint.context_key}=https://...`, or declare it in pipeline/endpoints.py",
                )
        if self._deployment.allowed_networks:
            consumer.tell(settings.ALLOWED_NETWORKS, self._deployment.allowed_networks)

    def _edge(self, edge: Edge) -> PipelineFunction:
        handler = PipelineFunction(
            self,
            construct_id(edge.function),
            package=edge.function,
            timeout=edge.timeout,
            memory_mb=edge.memory_mb,
            layers=self._layers,
            deployment=self._deployment,
        )
        if "{source}" in edge.route:
            self._let_in_webhooks(handler)
        if "{queue}" in edge.route:
            self._let_in_messages(handler)
        self.api.add(edge, handler)
        return handler

    def _let_in_webhooks(self, handler: PipelineFunction) -> None:
        """Verify every source, send to whatever a route leads to, and keep what can't be routed."""
        for source in self._topology.sources:
            secret = self._storage.source_secrets[source.name].secret
            handler.tell(source.secret_variable, secret.secret_arn)
            secret.grant_read(handler.function)
        self._let_send(handler, self._topology.routed_queues)
        for queue in self._topology.routed_queues:
            self._storage.queues[queue.name].dead_letter_queue.grant_send_messages(handler.function)

    def _let_in_messages(self, handler: PipelineFunction) -> None:
        """Know producers by their token, and send to every queue."""
        secret = self._storage.producer_secret.secret
        handler.tell(settings.PRODUCER_SECRET, secret.secret_arn)
        secret.grant_read(handler.function)
        self._let_send(handler, self._topology.queues)

    def _let_send(self, handler: PipelineFunction, queues: Iterable[Queue]) -> None:
        handler.tell(settings.DEDUPLICATION_TABLE, self._storage.deduplication.table.table_name)
        self._storage.deduplication.grant_items(handler.function)
        handler.tell(settings.CLAIM_CHECK_BUCKET, self._storage.claim_check.bucket.bucket_name)
        for queue in queues:
            parts = self._storage.queues[queue.name]
            handler.tell(queue.url_variable, parts.queue.queue_url)
            handler.tell(queue.dead_letter_url_variable, parts.dead_letter_queue.queue_url)
            parts.queue.grant_send_messages(handler.function)
            self._storage.claim_check.grant_check_in(handler, queue)
