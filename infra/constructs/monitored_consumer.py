"""A consumer and its queue, watched."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from headworks.operations.warnings import NEAR_RETENTION, in_words
from headworks.outcome import Dead
from headworks.telemetry import BACKLOG, EXCUSED, EXPIRING, NAMESPACE, OLDEST_AGE, PAUSED
from headworks.upkeep import BURY_CRASHED, WAKE_WAITING

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_

    from infra.constructs.alarm_topic import AlarmTopic
    from infra.constructs.queue_service import ConsumerService
    from infra.deployment import Deployment

MINUTE = Duration.minutes(1)
HOUR = Duration.hours(1)
ALARM_PERIOD = Duration.minutes(5)
# SQS gives nobody a message once 120,000 are in flight (Amazon SQS quotas); two thirds leave time to act.
IN_FLIGHT_ALARM = 80_000
# What is told each minute isn't told any more.
SILENT_PERIODS = 3


class MonitoredConsumer:
    """Alarms on a consumer, and its row of the dashboard."""

    def __init__(self, service: ConsumerService, *, deployment: Deployment) -> None:
        self._service = service
        queue, dead_letters = service.queue, service.dead_letter_queue
        self._visible = queue.metric_approximate_number_of_messages_visible(
            statistic="Maximum", period=MINUTE
        )
        self._in_flight = queue.metric_approximate_number_of_messages_not_visible(
            statistic="Maximum", period=MINUTE
        )
        self._age = queue.metric_approximate_age_of_oldest_message(statistic="Maximum", period=MINUTE)
        self._is_local = deployment.local
        self._unexcused_age = self._unless_excused(self._age)
        # Not NumberOfMessagesSent, which doesn't count what SQS moves there by itself.
        self._unburied = dead_letters.metric_approximate_number_of_messages_visible(
            statistic="Maximum", period=MINUTE
        )
        self._unburiable = dead_letters.metric_approximate_number_of_messages_not_visible(
            statistic="Maximum", period=MINUTE
        )
        self._dead = cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=Dead.__name__,
            dimensions_map={"service": service.name, "queue": service.declaration.name},
            statistic="Sum",
            period=MINUTE,
        )

    def _told(self, metric: str, period: Duration) -> cloudwatch.Metric:
        """What the tick of each minute tells of the consumer."""
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=metric,
            dimensions_map={"service": self._service.name, "queue": self._service.declaration.name},
            statistic="Maximum",
            period=period,
        )

    def _unless_excused(self, age: cloudwatch.Metric) -> cloudwatch.IMetric:
        """The age of the oldest message; nothing while it is paused, and a while after that."""
        if self._is_local:
            # There is no arithmetic on a laptop.
            return age
        return cloudwatch.MathExpression(
            expression="IF(FILL(excused, 0) > 0, 0, age)",
            using_metrics={"age": age, "excused": self._told(EXCUSED, MINUTE)},
            period=MINUTE,
            label="age of the oldest message, unless it is paused",
        )

    @property
    def _too_old(self) -> timedelta:
        return _whole_seconds(self._service.declaration.oldest_age_alarm)

    @property
    def _unburied_minutes(self) -> int:
        """For how long a dead letter may lie in SQS: one that is being run there is left alone until that is over."""
        patience = BURY_CRASHED.patience + self._service.declaration.function_timeout
        return math.ceil(patience / timedelta(minutes=1))

    def raise_alarms(self, topic: AlarmTopic) -> None:
        """Alarm where messages are dead, late or crashing, or where the queue is about to stand still."""
        self._raise_alarms_of_the_dead(topic)
        if self._service.declaration.dead_letters_kept_for is not None:
            self._raise_alarm_of_expiry(topic, self._service.declaration.dead_letters_kept_for)
        self._raise_alarms_of_pauses(topic)
        id_, label, consumer = self._service.id_, self._service.label, self._service.name
        topic.alarm(
            f"{id_}OldestMessage",
            metric=self._unexcused_age,
            at_least=self._too_old.total_seconds(),
            sentence=f"A message of {label} is {self._too_old} old, later than its last retry could be: "
            f"{consumer} takes none, or fewer than come. Look at its errors and throttles first, then raise the "
            "queue's max_concurrency.",
        )
        topic.alarm(
            f"{id_}ConsumerErrors",
            metric=self._service.function.metric_errors(statistic="Sum", period=ALARM_PERIOD),
            at_least=1,
            sentence=f"{consumer} crashed or ran out of time. Its messages come back by themselves, but work may be "
            "done twice. Read the last lines of its log first; with the log level DEBUG it tells which attempt had started.",
        )
        topic.alarm(
            f"{id_}InFlight",
            metric=self._in_flight,
            at_least=IN_FLIGHT_ALARM,
            sentence=f"{IN_FLIGHT_ALARM:,} messages of {label} are in flight; at 120,000 SQS gives out no more. "
            f"Find out first why {consumer} fails so many of them: they wait for their retries.",
        )

        if self._service.drain is not None:
            self._raise_alarm_of_drain(topic, self._service.drain)
            self._raise_alarms_of_redis(topic)

    def _raise_alarm_of_drain(self, topic: AlarmTopic, drain: lambda_.Function) -> None:
        topic.alarm(
            f"{self._service.id_}DrainErrors",
            metric=drain.metric_errors(statistic="Sum", period=ALARM_PERIOD),
            at_least=1,
            sentence=f"What takes messages of {self._service.label} from Redis crashed or ran out of time. They come "
            "back by themselves, but work may be done twice. Read the last lines of its log first: `trouble` says "
            "whether Redis didn't answer.",
        )

    def _raise_alarms_of_redis(self, topic: AlarmTopic) -> None:
        """Alarm where what is on Redis is taken too late, or where nobody tells of it."""
        id_, label = self._service.id_, self._service.label
        topic.alarm(
            f"{id_}OldestOnRedis",
            metric=self._unless_excused(self._told(OLDEST_AGE, MINUTE)),
            at_least=self._too_old.total_seconds(),
            sentence=f"A message of {label} has been on Redis for {self._too_old}: its drain takes none, or fewer than "
            "come. Look at the drain's errors and its log first, then raise the queue's drains.",
        )
        topic.alarm_on_silence(
            f"{id_}RedisSilent",
            metric=self._told(BACKLOG, ALARM_PERIOD).with_(statistic="SampleCount"),
            periods=SILENT_PERIODS,
            sentence=f"Nobody tells how much of {label} is on Redis, so nobody is alarmed about old messages there. "
            f"Look first for `trouble` in the log of {WAKE_WAITING.function}: it says whether Redis doesn't answer.",
        )

    def _raise_alarms_of_the_dead(self, topic: AlarmTopic) -> None:
        id_, label = self._service.id_, self._service.label
        minutes = self._unburied_minutes
        topic.alarm(
            f"{id_}DeadLetters",
            metric=self._dead.with_(period=ALARM_PERIOD),
            at_least=1,
            sentence=f"Messages of {label} gave up. `headworks dead list` first: it says which, and why; "
            "then mend the cause and replay them.",
        )
        topic.alarm(
            f"{id_}Unburied",
            metric=self._unburied,
            at_least=1,
            periods=minutes,
            sentence=f"Messages have lain in the dead-letter queue of {label} for {minutes} minutes, and "
            f"{BURY_CRASHED.function} doesn't take them: they are in no list. Look first whether its event source "
            "mapping is enabled, then at its errors.",
        )
        # What can't be buried is taken and given back again and again: hidden nearly all of the time.
        topic.alarm(
            f"{id_}Unburiable",
            metric=self._unburiable,
            at_least=1,
            periods=minutes,
            sentence=f"{BURY_CRASHED.function} has tried for {minutes} minutes to write dead letters of {label} "
            "down: they are in no list yet. Read its log first: its lines `trouble` say what keeps it from that.",
        )

    def _raise_alarm_of_expiry(self, topic: AlarmTopic, kept_for: timedelta) -> None:
        """Alarm before dead letters are gone for good."""
        label, notice = self._service.label, _whole_seconds(self._service.declaration.expiry_notice)
        topic.alarm(
            f"{self._service.id_}ExpiringDeadLetters",
            metric=self._told(EXPIRING, ALARM_PERIOD),
            at_least=1,
            sentence=f"Dead letters of {label} expire within {in_words(notice)}: they are kept for "
            f"{in_words(kept_for)}. `headworks dead list` first: replay them, or let them go.",
        )

    def _raise_alarms_of_pauses(self, topic: AlarmTopic) -> None:
        """Alarm where a pause may have been forgotten, or lasts until SQS deletes what came meanwhile."""
        id_, label = self._service.id_, self._service.label
        retention = self._service.declaration.retention
        near = _whole_seconds(retention * NEAR_RETENTION)
        topic.alarm(
            f"{id_}StillPaused",
            metric=self._told(PAUSED, HOUR),
            at_least=1,
            periods=24,
            sentence=f"{label} has been paused for a day: nothing of it is processed. `headworks stats` first: it says "
            "who paused it, and why; then mend the cause and resume it.",
        )
        topic.alarm(
            f"{id_}NearRetention",
            metric=self._age,
            at_least=near.total_seconds(),
            sentence=f"A message of {label} is {in_words(near)} old, and SQS deletes it after {in_words(retention)}, "
            f"paused or not. Look first whether it is paused (`headworks stats`), then why {self._service.name} "
            "doesn't take it.",
        )

    def _on_redis(self, metric: str, label: str) -> list[cloudwatch.IMetric]:
        """What is told of a queue that travels over Redis; nothing of the others."""
        return [] if self._service.drain is None else [self._told(metric, MINUTE).with_(label=label)]

    def row(self) -> list[cloudwatch.IWidget]:
        """What there is to see of the consumer, from what comes in to what came to nothing."""
        label = self._service.label
        too_old = cloudwatch.HorizontalAnnotation(value=self._too_old.total_seconds(), label="alarm")
        function = self._service.function
        return [
            cloudwatch.GraphWidget(
                title=f"{label}: messages",
                left=[
                    self._visible.with_(label="visible"),
                    # A retry is a message that hides until it is due.
                    self._in_flight.with_(label="running, or waiting for a retry"),
                    *self._on_redis(BACKLOG, "on Redis: to be taken, or running"),
                ],
            ),
            cloudwatch.GraphWidget(
                title=f"{label}: age of the oldest message",
                left=[self._age, *self._on_redis(OLDEST_AGE, "on Redis")],
                left_annotations=[too_old],
            ),
            cloudwatch.GraphWidget(
                title=f"{label}: dead letters",
                left=[
                    self._dead.with_(label="gave up"),
                    self._unburied.with_(label="not in the ledger yet"),
                ],
            ),
            cloudwatch.GraphWidget(
                title=f"{label}: {self._service.name}",
                left=[
                    function.metric_errors(statistic="Sum", period=MINUTE, label="errors"),
                    function.metric_throttles(statistic="Sum", period=MINUTE, label="throttles"),
                ],
                right=[function.metric_duration(statistic="p99", period=MINUTE, label="duration, p99")],
            ),
        ]


def _whole_seconds(span: timedelta) -> timedelta:
    return timedelta(seconds=math.ceil(span.total_seconds()))
