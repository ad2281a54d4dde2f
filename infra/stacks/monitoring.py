"""What watches: the dashboard, alarms and where they go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_cloudwatch as cloudwatch

from infra.constructs import monitored_source, monitored_topic
from infra.constructs.alarm_topic import AlarmTopic
from infra.constructs.monitored_cache import MonitoredCache
from infra.constructs.monitored_consumer import MonitoredConsumer
from infra.constructs.monitored_edges import MonitoredEdges
from infra.constructs.monitored_upkeep import MonitoredUpkeep

if TYPE_CHECKING:
    from constructs import Construct

    from headworks.topology import Topology
    from infra.deployment import Deployment
    from infra.stacks.low_latency import HeadworksLowLatency
    from infra.stacks.service import HeadworksService


class HeadworksMonitoring(Stack):
    """A row of the dashboard and alarms for every consumer, for the edges together, for the upkeep
    and for the cache, where there is one.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        topology: Topology,
        deployment: Deployment,
        service: HeadworksService,
        low_latency: HeadworksLowLatency | None,
    ) -> None:
        super().__init__(scope, id_, description="Headworks: dashboard and alarms")
        self.alarms = AlarmTopic(self, "Alarms", deployment=deployment)
        self.dashboard = cloudwatch.Dashboard(self, "Dashboard")
        queues = [service.queue(queue.name) for queue in topology.queues]
        watched: list[MonitoredEdges | MonitoredConsumer | MonitoredUpkeep | MonitoredCache] = [
            *([MonitoredEdges(service.api, service.edges)] if topology.edges else []),
            *(
                MonitoredConsumer(consumer, deployment=deployment)
                for queue in queues
                for consumer in queue.consumers.values()
            ),
            MonitoredUpkeep(
                bury_crashed=service.bury_crashed.function,
                wake_waiting=service.wake_waiting.function,
                administer=service.administer.function,
            ),
            *([MonitoredCache(low_latency.cache)] if low_latency else []),
        ]
        for each in watched:
            each.raise_alarms(self.alarms)
            self.dashboard.add_widgets(*each.row())
        for queue in queues:
            if queue.topic is not None:
                monitored_topic.raise_alarms(queue.declaration, queue.topic, self.alarms)
        for source in topology.sources:
            monitored_source.raise_alarms(source, self.alarms)
        CfnOutput(self, "AlarmTopic", value=self.alarms.topic.topic_arn)
