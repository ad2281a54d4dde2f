"""A queue and its consumer, watched."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

if TYPE_CHECKING:
    from infra.constructs.alarm_topic import AlarmTopic
    from infra.constructs.queue_service import QueueService

MINUTE = Duration.minutes(1)
ALARM_PERIOD = Duration.minutes(5)
# SQS gives nobody a message once 120,000 are in flight (Amazon SQS quotas); two thirds leave time to act.
IN_FLIGHT_ALARM = 80_000


class MonitoredQueue:
    """Alarms on a queue, and its row of the dashboard."""

    def __init__(self, service: QueueService) -> None:
        self._declaration = service.declaration
        self._too_old = timedelta(seconds=math.ceil(self._declaration.oldest_age_alarm.total_seconds()))
        self._function = service.function
        self._consumer = service.consumer
        queue, dead_letters = service.queue, service.dead_letter_queue
        self._visible = queue.metric_approximate_number_of_messages_visible(
            statistic="Maximum", period=MINUTE
        )
        self._in_flight = queue.metric_approximate_number_of_messages_not_visible(
            statistic="Maximum", period=MINUTE
        )
        self._age = queue.metric_approximate_age_of_oldest_message(statistic="Maximum", period=MINUTE)
        # Not NumberOfMessagesSent, which doesn't count what SQS moves there by itself.
        self._dead = dead_letters.metric_approximate_number_of_messages_visible(
            statistic="Maximum", period=MINUTE
        )

    def raise_alarms(self, topic: AlarmTopic) -> None:
        """Alarm where messages are dead, late or crashing, or where the queue is about to stand still."""
        queue, consumer = self._declaration, self._consumer
        topic.alarm(
            f"{queue.resource_id}DeadLetters",
            metric=self._dead,
            at_least=1,
            sentence=f"The dead-letter queue of {queue.name} holds messages: they gave up, or crashed {consumer}. "
            "Read the attribute `reason` of one of them first; then mend the cause and send them back.",
        )
        topic.alarm(
            f"{queue.resource_id}OldestMessage",
            metric=self._age,
            at_least=self._too_old.total_seconds(),
            sentence=f"A message of {queue.name} is {self._too_old} old, later than its last retry could be: "
            f"{consumer} takes none, or fewer than come. Look at its errors and throttles first, then raise the "
            "queue's max_concurrency.",
        )
        topic.alarm(
            f"{queue.resource_id}ConsumerErrors",
            metric=self._function.metric_errors(statistic="Sum", period=ALARM_PERIOD),
            at_least=1,
            sentence=f"{consumer} crashed or ran out of time. Its messages come back by themselves, but work may be "
            "done twice. Read the last lines of its log first: the attempt that was `started` and has no outcome.",
        )
        topic.alarm(
            f"{queue.resource_id}InFlight",
            metric=self._in_flight,
            at_least=IN_FLIGHT_ALARM,
            sentence=f"{IN_FLIGHT_ALARM:,} messages of {queue.name} are in flight; at 120,000 SQS gives out no more. "
            f"Find out first why {consumer} fails so many of them: they wait for their retries.",
        )

    def row(self) -> list[cloudwatch.IWidget]:
        """What there is to see of the queue, from what comes in to what came to nothing."""
        name = self._declaration.name
        too_old = cloudwatch.HorizontalAnnotation(value=self._too_old.total_seconds(), label="alarm")
        return [
            cloudwatch.GraphWidget(
                title=f"{name}: messages",
                left=[
                    self._visible.with_(label="visible"),
                    # A retry is a message that hides until it is due.
                    self._in_flight.with_(label="running, or waiting for a retry"),
                ],
            ),
            cloudwatch.GraphWidget(
                title=f"{name}: age of the oldest message", left=[self._age], left_annotations=[too_old]
            ),
            cloudwatch.GraphWidget(title=f"{name}: dead letters", left=[self._dead]),
            cloudwatch.GraphWidget(
                title=f"{name}: {self._consumer}",
                left=[
                    self._function.metric_errors(statistic="Sum", period=MINUTE, label="errors"),
                    self._function.metric_throttles(statistic="Sum", period=MINUTE, label="throttles"),
                ],
                right=[self._function.metric_duration(statistic="p99", period=MINUTE, label="duration, p99")],
            ),
        ]
