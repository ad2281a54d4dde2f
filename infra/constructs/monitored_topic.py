"""The topic of a queue with several consumers, watched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.constructs.monitored_consumer import ALARM_PERIOD

if TYPE_CHECKING:
    from aws_cdk import aws_sns as sns

    from headworks.queue import Queue
    from infra.constructs.alarm_topic import AlarmTopic


def raise_alarms(declaration: Queue, fan_out: sns.Topic, topic: AlarmTopic) -> None:
    """Alarm where a message was accepted and reaches no queue: SNS lets go of it."""
    topic.alarm(
        f"{declaration.resource_id}Undeliverable",
        metric=fan_out.metric(
            "NumberOfNotificationsFailedToRedriveToDlq", statistic="Sum", period=ALARM_PERIOD
        ),
        at_least=1,
        sentence=f"SNS could put messages of {declaration.name} on neither a consumer's queue nor its dead-letter "
        "queue, and has let them go. Look at the policies and the keys of both first; then have them sent again.",
    )
