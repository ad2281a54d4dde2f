"""A source of webhooks, watched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_cloudwatch as cloudwatch

from headworks.telemetry import NAMESPACE, PAUSED
from headworks.upkeep import WAKE_WAITING
from infra.constructs.monitored_consumer import HOUR

if TYPE_CHECKING:
    from headworks.webhooks.sources import Source
    from infra.constructs.alarm_topic import AlarmTopic


def raise_alarms(source: Source, topic: AlarmTopic) -> None:
    """Alarm where a pause may have been forgotten."""
    topic.alarm(
        f"{source.resource_id}SourceStillPaused",
        metric=cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=PAUSED,
            dimensions_map={"service": WAKE_WAITING.function, "source": source.name},
            statistic="Maximum",
            period=HOUR,
        ),
        at_least=1,
        periods=24,
        sentence=f"The source {source.name} has been paused for a day: its events are kept back. `headworks stats` "
        "first: it says who paused it, and why; then mend the cause and resume it.",
    )
