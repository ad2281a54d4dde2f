"""The functions of the upkeep, watched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_cloudwatch as cloudwatch

from headworks.naming import resource_id
from headworks.upkeep import ADMINISTER, BURY_CRASHED, WAKE_WAITING
from infra.constructs.monitored_consumer import ALARM_PERIOD, MINUTE, SILENT_PERIODS

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_

    from infra.constructs.alarm_topic import AlarmTopic


class MonitoredUpkeep:
    """Alarms where dead letters aren't written down, waiting messages aren't woken or operators aren't answered,
    and a row of the dashboard.
    """

    def __init__(
        self, *, bury_crashed: lambda_.Function, wake_waiting: lambda_.Function, administer: lambda_.Function
    ) -> None:
        self._bury_crashed = bury_crashed
        self._wake_waiting = wake_waiting
        self._administer = administer

    def raise_alarms(self, topic: AlarmTopic) -> None:
        """Alarm on errors, and on rounds that aren't made."""
        topic.alarm(
            f"{resource_id(BURY_CRASHED.function)}Errors",
            metric=self._bury_crashed.metric_errors(statistic="Sum", period=ALARM_PERIOD),
            at_least=1,
            sentence=f"{BURY_CRASHED.function} crashed or ran out of time: what SQS gave up on stays in the dead-letter "
            "queues, and in no list. Read the last lines of its log first.",
        )
        topic.alarm(
            f"{resource_id(WAKE_WAITING.function)}Errors",
            metric=self._wake_waiting.metric_errors(statistic="Sum", period=ALARM_PERIOD),
            at_least=1,
            sentence=f"{WAKE_WAITING.function} couldn't wake all that is due: long retries and delayed messages come "
            "late. The next round tries again by itself; if the alarm stays, read its lines `trouble` first.",
        )
        topic.alarm_on_silence(
            f"{resource_id(WAKE_WAITING.function)}Silent",
            metric=self._wake_waiting.metric_invocations(statistic="Sum", period=ALARM_PERIOD),
            periods=SILENT_PERIODS,
            sentence=f"{WAKE_WAITING.function} isn't started any more: long retries and delayed messages don't come "
            "back. Look first whether its schedule is enabled.",
        )

        topic.alarm(
            f"{resource_id(ADMINISTER.function)}Errors",
            metric=self._administer.metric_errors(statistic="Sum", period=ALARM_PERIOD),
            at_least=1,
            sentence=f"{ADMINISTER.function} crashed or ran out of time: an operator wasn't answered. A replay that was "
            "under way goes on by itself within a minute. Read the last lines of its log first.",
        )

    def row(self) -> list[cloudwatch.IWidget]:
        """How they fare."""
        functions = {WAKE_WAITING.function: self._wake_waiting, BURY_CRASHED.function: self._bury_crashed}
        return [
            widget
            for name, function in functions.items()
            for widget in (
                cloudwatch.GraphWidget(
                    title=f"upkeep: {name}",
                    left=[
                        function.metric_invocations(statistic="Sum", period=MINUTE, label="invocations"),
                        function.metric_errors(statistic="Sum", period=MINUTE, label="errors"),
                    ],
                ),
                cloudwatch.GraphWidget(
                    title=f"upkeep: {name}, duration",
                    left=[function.metric_duration(statistic="p99", period=MINUTE, label="p99")],
                ),
            )
        ]
