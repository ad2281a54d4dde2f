"""The HTTP API and the functions behind it, watched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_cloudwatch as cloudwatch

from headworks.naming import resource_id
from infra.constructs.monitored_consumer import ALARM_PERIOD, MINUTE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from infra.constructs.alarm_topic import AlarmTopic
    from infra.constructs.edge_api import EdgeApi
    from infra.constructs.pipeline_function import PipelineFunction


class MonitoredEdges:
    """Alarms on what answers requests, and its row of the dashboard."""

    def __init__(self, api: EdgeApi, edges: Mapping[str, PipelineFunction]) -> None:
        self._api = api.api
        self._functions = {name: edge.function for name, edge in edges.items()}

    def raise_alarms(self, topic: AlarmTopic) -> None:
        """Alarm where a sender was told to come again, or got no answer."""
        topic.alarm(
            "ServerErrors",
            metric=self._api.metric_server_error(statistic="Sum", period=ALARM_PERIOD),
            at_least=1,
            sentence="The API answered 5xx: senders will send again, so nothing is lost yet. Look at the alarms of the "
            "edges first, then at the access log: `integration_status` tells a failing function from a throttled one.",
        )
        for name, function in self._functions.items():
            topic.alarm(
                f"{resource_id(name)}Errors",
                metric=function.metric_errors(statistic="Sum", period=ALARM_PERIOD),
                at_least=1,
                sentence=f"{name} crashed or ran out of time, so a sender got no answer and will send again. "
                "Read the last lines of its log first.",
            )

    def row(self) -> list[cloudwatch.IWidget]:
        """Requests, answers and how long they took."""
        return [
            cloudwatch.GraphWidget(
                title="API: requests",
                left=[
                    self._api.metric_count(statistic="Sum", period=MINUTE, label="requests"),
                    self._api.metric_client_error(statistic="Sum", period=MINUTE, label="4xx"),
                    self._api.metric_server_error(statistic="Sum", period=MINUTE, label="5xx"),
                ],
            ),
            cloudwatch.GraphWidget(
                title="API: time to answer",
                left=[
                    self._api.metric_latency(statistic=each, period=MINUTE, label=each)
                    for each in ("p50", "p99")
                ],
            ),
            cloudwatch.GraphWidget(title="edges: errors and throttles", left=self._troubles()),
            cloudwatch.GraphWidget(
                title="edges: duration, p99",
                left=[
                    function.metric_duration(statistic="p99", period=MINUTE, label=name)
                    for name, function in self._functions.items()
                ],
            ),
        ]

    def _troubles(self) -> list[cloudwatch.IMetric]:
        return [
            metric
            for name, function in self._functions.items()
            for metric in (
                function.metric_errors(statistic="Sum", period=MINUTE, label=f"{name}: errors"),
                function.metric_throttles(statistic="Sum", period=MINUTE, label=f"{name}: throttles"),
            )
        ]
