"""The cache of the queues on Redis, watched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_cloudwatch as cloudwatch

from infra.constructs.monitored_consumer import ALARM_PERIOD, MINUTE

if TYPE_CHECKING:
    from infra.constructs.alarm_topic import AlarmTopic
    from infra.constructs.serverless_cache import ServerlessCache

GIGABYTE = 10**9
MEMORY_ALARM = 0.7
# ElastiCache Serverless takes 65,000 connections at once.
CONNECTIONS_ALARM = 50_000


class MonitoredCache:
    """Alarms where messages are about to be refused or forgotten, and a row of the dashboard."""

    def __init__(self, cache: ServerlessCache) -> None:
        self._name = cache.cache.serverless_cache_name
        self._limits = cache.limits

    def raise_alarms(self, topic: AlarmTopic) -> None:
        """Alarm on memory, evictions, connections and throttling."""
        topic.alarm(
            "CacheMemory",
            metric=self._metric("BytesUsedForCache", "Maximum"),
            at_least=MEMORY_ALARM * self._limits.storage_gb * GIGABYTE,
            sentence=f"The cache is filled to {MEMORY_ALARM:.0%}; full, it forgets who was accepted, then takes no more "
            "messages. Look first which queue isn't drained, then raise `low_latency.storage_gb`.",
        )
        topic.alarm(
            "CacheEvictions",
            metric=self._metric("Evictions", "Sum"),
            at_least=1,
            sentence="The cache was full and forgot keys that expire: repeats of accepted messages and of finished ones "
            "may run again. Look first which queue isn't drained, then raise `low_latency.storage_gb`.",
        )
        topic.alarm(
            "CacheConnections",
            metric=self._metric("CurrConnections", "Maximum"),
            at_least=CONNECTIONS_ALARM,
            sentence=f"The cache has {CONNECTIONS_ALARM:,} connections, and takes 65,000. Look first which function runs "
            "more often at once than it should.",
        )
        topic.alarm(
            "CacheThrottled",
            metric=self._metric("ThrottledCmds", "Sum"),
            at_least=1,
            sentence="The cache throttles: senders wait or are refused, consumers fall behind. Look first whether "
            f"`low_latency.ecpu_per_second` ({self._limits.ecpu_per_second:,}) is reached; else one queue takes more "
            "than its slot gives.",
        )

    def row(self) -> list[cloudwatch.IWidget]:
        """How full it is, how busy, and what it refused."""
        return [
            cloudwatch.GraphWidget(
                title="cache: memory", left=[self._metric("BytesUsedForCache", "Maximum", label="bytes")]
            ),
            cloudwatch.GraphWidget(
                title="cache: work",
                left=[self._metric("ElastiCacheProcessingUnits", "Sum", label="ECPU a minute")],
                right=[self._metric("CurrConnections", "Maximum", label="connections")],
            ),
            cloudwatch.GraphWidget(
                title="cache: trouble",
                left=[
                    self._metric("Evictions", "Sum", label="evictions"),
                    self._metric("ThrottledCmds", "Sum", label="throttled"),
                ],
            ),
        ]

    def _metric(self, name: str, statistic: str, *, label: str | None = None) -> cloudwatch.Metric:
        """A metric of a serverless cache, whose dimension is `clusterId` (not a node's `CacheClusterId`)."""
        return cloudwatch.Metric(
            namespace="AWS/ElastiCache",
            metric_name=name,
            dimensions_map={"clusterId": self._name},
            statistic=statistic,
            period=ALARM_PERIOD if label is None else MINUTE,
            label=label,
        )
