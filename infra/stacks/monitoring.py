"""What watches: the dashboard, alarms and where they go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_cloudwatch as cloudwatch

from infra.constructs.alarm_topic import AlarmTopic
from infra.constructs.monitored_edges import MonitoredEdges
from infra.constructs.monitored_queue import MonitoredQueue

if TYPE_CHECKING:
    from constructs import Construct

    from headworks.topology import Topology
    from infra.deployment import Deployment
    from infra.stacks.service import HeadworksService


class HeadworksMonitoring(Stack):
    """A row of the dashboard and alarms for every queue, and for the edges together."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        topology: Topology,
        deployment: Deployment,
        service: HeadworksService,
    ) -> None:
        super().__init__(scope, id_, description="Headworks: dashboard and alarms")
        self.alarms = AlarmTopic(self, "Alarms", deployment=deployment)
        self.dashboard = cloudwatch.Dashboard(self, "Dashboard")
        watched: list[MonitoredEdges | MonitoredQueue] = [
            MonitoredQueue(service.queue(queue.name)) for queue in topology.queues
        ]
        if topology.edges:
            watched.insert(0, MonitoredEdges(service.api, service.edges))
        for each in watched:
            each.raise_alarms(self.alarms)
            self.dashboard.add_widgets(*each.row())
        CfnOutput(self, "AlarmTopic", value=self.alarms.topic.topic_arn)
