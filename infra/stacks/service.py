"""What runs: functions, the HTTP API, mappings, the schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from aws_cdk import Annotations, CfnOutput, Stack

from headworks import settings
from headworks.upkeep import ADMINISTER
from infra.constructs import control
from infra.constructs.administer_function import AdministerFunction
from infra.constructs.bury_crashed_function import BuryCrashedFunction
from infra.constructs.consumer_directory import ConsumerDirectory
from infra.constructs.consumer_function import ConsumerFunction
from infra.constructs.drain_function import DrainFunction
from infra.constructs.edge_api import EdgeApi
from infra.constructs.pipeline_function import PipelineFunction
from infra.constructs.pipeline_layers import PipelineLayers
from infra.constructs.queue_service import ConsumerService, QueueService
from infra.constructs.redis_server import GivenServer, ServerInSecret
from infra.constructs.wake_waiting_function import WakeWaitingFunction

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from constructs import Construct

    from headworks.edge import Edge
    from headworks.queue import Queue
    from headworks.topology import Topology
    from infra.constructs.redis_server import RedisServer
    from infra.deployment import Deployment
    from infra.stacks.low_latency import HeadworksLowLatency
    from infra.stacks.storage import HeadworksStorage

_Upkeep = TypeVar("_Upkeep", BuryCrashedFunction, WakeWaitingFunction)


class HeadworksService(Stack):
    """A function for every edge and every consumer, and three for upkeep; each may do what its part asks for, no more."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        topology: Topology,
        deployment: Deployment,
        storage: HeadworksStorage,
        low_latency: HeadworksLowLatency | None = None,
    ) -> None:
        super().__init__(scope, id_, description="Headworks: functions, HTTP API, mappings and schedule")
        self._topology = topology
        self._deployment = deployment
        self._storage = storage
        self._redis = low_latency or self._outside(deployment)
        # In their order, each once.
        self._on_redis: dict[PipelineFunction, None] = {}
        self._layers = PipelineLayers(self, "Layers", deployment=deployment)
        self._functions: dict[str, list[PipelineFunction]] = {}
        self.api = EdgeApi(self, "Api", deployment=deployment)
        self.edges = {edge.function: self._edge(edge) for edge in topology.edges}
        self.directory = ConsumerDirectory(self, "Directory")
        self._queues = {queue.name: self._queue(queue) for queue in topology.queues}
        self.bury_crashed = self._bury_crashed()
        self.wake_waiting = self._wake_waiting()
        self.administer = self._administer()
        self._give_tables()
        self._give_buckets()
        self._give_redis()
        CfnOutput(self, "Endpoint", value=self.api.api.api_endpoint)

    def queue(self, name: str) -> QueueService:
        """The parts of a declared queue."""
        return self._queues[name]

    def _queue(self, queue: Queue) -> QueueService:
        return QueueService(
            declaration=queue,
            consumers={name: self._consumer(queue, name) for name in queue.consumers},
            topic=self._storage.queues[queue.name].topic,
        )

    def _consumer(self, queue: Queue, name: str) -> ConsumerService:
        source = self._storage.queues[queue.name].consumers[name]
        consumer = ConsumerFunction(
            self, package=name, source=source, layers=self._layers, deployment=self._deployment
        )
        drains = self._drains(queue, name)
        self._functions[name] = [consumer, *drains]
        for function in (consumer, *drains):
            self._tell_stores(function)
            self._storage.ledger.grant_leases(function.function)
            self._storage.claim_check.grant_check_out(function, queue)
            self._let_send(function, self._told_by(queue))
            if any(route.endpoint for route in self._topology.routes if route.queue == queue.name):
                self._lead_to_endpoints(function)
        service = ConsumerService(
            declaration=queue,
            name=name,
            queue=source.queue,
            dead_letter_queue=source.dead_letter_queue,
            function=consumer.function,
            mapping_id=consumer.mapping.event_source_mapping_id,
            mapping_arn=consumer.mapping.event_source_mapping_arn,
            drain=drains[0].function if drains else None,
        )
        self.directory.add(service)
        return service

    def _drains(self, queue: Queue, name: str) -> list[DrainFunction]:
        """What takes a consumer's messages from Redis, where there is one."""
        if queue.transport != "redis":
            return []
        if self._redis is None:
            Annotations.of(self).add_warning_v2(
                f"headworks:redis_url:{queue.name}",
                f"the queue {queue.name} is declared to travel over redis, and this deployment has none: it goes over "
                "SQS.  Give it one with `-c low_latency=true`, or name yours with `-c redis_url=rediss://...`",
            )
            return []
        drain = DrainFunction(
            self,
            package=name,
            source=self._storage.queues[queue.name].consumers[name],
            layers=self._layers,
            deployment=self._deployment,
        )
        self._on_redis[drain] = None
        # It asks whether its consumer is paused.
        self._storage.ledger.grant_flags(drain.function)
        CfnOutput(self, f"Drain{queue.resource_id_of(name)}", value=drain.function.function_name)
        return [drain]

    def _lead_to_endpoints(self, consumer: PipelineFunction) -> None:
        consumer.calls_out = True
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
            package=edge.function,
            timeout=edge.timeout,
            memory_mb=edge.memory_mb,
            layers=self._layers,
            deployment=self._deployment,
        )
        self._functions[edge.function] = [handler]
        if edge.takes("source"):
            self._let_in_webhooks(handler)
        if edge.takes("queue"):
            self._let_in_messages(handler)
        if edge.sends_to:
            self._know_producers(handler)
            self._let_send(handler, self._named(edge.sends_to))
        self.api.add(edge, handler)
        return handler

    def _let_in_webhooks(self, handler: PipelineFunction) -> None:
        """Verify every source, send to whatever a route leads to, and keep what can't be routed, or is paused."""
        self._storage.ledger.grant_flags(handler.function)
        for source in self._topology.sources:
            secret = self._storage.source_secrets[source.name].secret
            handler.tell(source.secret_variable, secret.secret_arn)
            secret.grant_read(handler.function)
        self._let_send(handler, self._topology.routed_queues)
        for queue in self._topology.routed_queues:
            self._storage.queues[queue.name].grant_bury(handler.function)

    def _let_in_messages(self, handler: PipelineFunction) -> None:
        """Know producers by their token, and send to every queue that is open to them."""
        self._know_producers(handler)
        self._let_send(handler, self._topology.open_queues)

    def _know_producers(self, handler: PipelineFunction) -> None:
        secret = self._storage.producer_secret.secret
        handler.tell(settings.PRODUCER_SECRET, secret.secret_arn)
        secret.grant_read(handler.function)

    def _let_send(self, function: PipelineFunction, queues: Sequence[Queue]) -> None:
        """Send to these queues: at once, or through the ledger what is to wait there."""
        if not queues:
            return
        self._tell_stores(function)
        function.tell(settings.DEDUPLICATION_TABLE, self._storage.deduplication.table.table_name)
        self._storage.deduplication.grant_items(function.function)
        self._storage.ledger.grant_entries(function.function)
        for queue in queues:
            parts = self._storage.queues[queue.name]
            function.tell_all(parts.addresses)
            parts.grant_send(function.function)
            self._storage.claim_check.grant_check_in(function, queue)
        self._lead_to_redis(function, queues)

    def _lead_to_redis(self, function: PipelineFunction, queues: Iterable[Queue]) -> None:
        """Let it reach what messages of these queues travel over that don't go over SQS."""
        if self._redis and any(queue.transport == "redis" for queue in queues):
            self._on_redis[function] = None

    def _told_by(self, queue: Queue) -> list[Queue]:
        """The queues that a queue's consumers send to: what they emit, and what they tell of dead letters."""
        targets = [*self._named(queue.emits), *([queue.announces_dead_to] if queue.announces_dead_to else [])]
        return list(dict.fromkeys(targets))

    def _bury_crashed(self) -> BuryCrashedFunction:
        function = self._upkeep(BuryCrashedFunction)
        self._storage.claim_check.grant_keep(function, self._topology.queues)
        targets = [queue.announces_dead_to for queue in self._topology.queues if queue.announces_dead_to]
        self._let_send(function, list(dict.fromkeys(targets)))
        return function

    def _wake_waiting(self) -> WakeWaitingFunction:
        function = self._upkeep(WakeWaitingFunction)
        self._storage.ledger.grant_replays(function.function)
        self._storage.claim_check.grant_waiting(function, self._topology.queues)
        self._lead_to_redis(function, self._topology.queues)
        return function

    def _administer(self) -> AdministerFunction:
        """Read every ledger and what the edge has accepted, and do what operators ask for."""
        storage = self._storage
        function = AdministerFunction(
            self,
            queues=storage.queues.values(),
            secret=storage.admin_secret,
            layers=self._layers,
            deployment=self._deployment,
        )
        self._tell_stores(function)
        function.tell(settings.DEDUPLICATION_TABLE, storage.deduplication.table.table_name)
        storage.deduplication.grant_items(function.function)
        storage.ledger.grant_leases(function.function)
        storage.ledger.grant_searches(function.function)
        storage.claim_check.grant_keep(function, self._topology.queues)
        self._let_control(function)
        self._lead_to_redis(function, self._topology.queues)
        self.api.add(ADMINISTER, function)
        return function

    def _let_control(self, function: AdministerFunction) -> None:
        """Pause, process, purge and count what every consumer has."""
        consumers = [consumer for queue in self._queues.values() for consumer in queue.consumers.values()]
        self.directory.grant_read(function)
        control.grant_pausing(function, consumers)
        control.grant_taking(function, consumers)
        control.grant_processing(function, consumers)
        control.grant_counting(function, consumers)

    def _upkeep(self, kind: type[_Upkeep]) -> _Upkeep:
        """A function that looks after every queue, by the ledger."""
        function = kind(
            self, queues=self._storage.queues.values(), layers=self._layers, deployment=self._deployment
        )
        self._tell_stores(function)
        self._storage.ledger.grant_entries(function.function)
        return function

    def _give_tables(self) -> None:
        """Let functions have the tables that name them."""
        for table in self._topology.tables:
            parts = self._storage.tables[table.name]
            for name in table.functions:
                for function in self._functions[name]:
                    function.tell(table.variable, parts.table.table_name)
                    parts.grant_items(function.function)

    def _give_buckets(self) -> None:
        """Let functions put objects in the buckets that name them."""
        for bucket in self._topology.buckets:
            parts = self._storage.buckets[bucket.name]
            for name in bucket.functions:
                for function in self._functions[name]:
                    function.tell(bucket.variable, parts.bucket.bucket_name)
                    parts.grant_put(function)

    def _outside(self, deployment: Deployment) -> RedisServer | None:
        """The Redis of somebody else's that a deployment names, if it does."""
        if deployment.redis_url_secret:
            return ServerInSecret(self, deployment.redis_url_secret)
        return GivenServer(deployment.redis_url) if deployment.redis_url else None

    def _give_redis(self) -> None:
        """Let in those who take from Redis or send there: last, when it is known what else they may do."""
        if self._redis is not None:
            for function in self._on_redis:
                self._redis.let_in(function)

    def _tell_stores(self, function: PipelineFunction) -> None:
        function.tell(settings.LEDGER_TABLE, self._storage.ledger.table.table_name)
        function.tell(settings.CLAIM_CHECK_BUCKET, self._storage.claim_check.bucket.bucket_name)

    def _named(self, names: Iterable[str]) -> list[Queue]:
        wanted = set(names)
        return [queue for queue in self._topology.queues if queue.name in wanted]
