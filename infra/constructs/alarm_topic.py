"""Where alarms go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Annotations, Aws
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk.aws_cloudwatch_actions import SnsAction
from aws_cdk.aws_sns_subscriptions import EmailSubscription
from constructs import Construct

if TYPE_CHECKING:
    from infra.deployment import Deployment


class AlarmTopic(Construct):
    """`topic`, published to by this account's alarms, over TLS only.

    Not encrypted with SNS' own key: CloudWatch may not use it, so alarms would be lost in
    silence, and a key of ours costs more a month than they are secret.
    """

    def __init__(self, scope: Construct, id_: str, *, deployment: Deployment) -> None:
        super().__init__(scope, id_)
        self.topic = sns.Topic(self, "Topic", display_name="Headworks alarms", enforce_ssl=True)
        # A topic with a policy has lost the default one, by which alarms may publish.
        self.topic.grant_publish(
            iam.ServicePrincipal(
                "cloudwatch.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
            )
        )
        if deployment.alarm_email:
            self.topic.add_subscription(EmailSubscription(deployment.alarm_email))
        elif not deployment.local:
            Annotations.of(self).add_info(
                "nobody is told of alarms: give `-c alarm_email=...`, or subscribe to the topic"
            )

    def alarm(
        self,
        id_: str,
        *,
        metric: cloudwatch.IMetric,
        at_least: float,
        sentence: str,
        periods: int = 1,
    ) -> cloudwatch.Alarm:
        """An alarm on so many periods in a row that reach the threshold; no data is no trouble.

        `sentence` says what happened and what to do first: it is all that the person woken up reads.
        """
        return self._act_on(
            cloudwatch.Alarm(
                self,
                id_,
                metric=metric,
                threshold=at_least,
                comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
                evaluation_periods=periods,
                treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
                alarm_description=sentence,
            )
        )

    def alarm_on_silence(
        self, id_: str, *, metric: cloudwatch.IMetric, sentence: str, periods: int
    ) -> cloudwatch.Alarm:
        """An alarm on so many periods in a row in which nothing happened, or nobody told."""
        return self._act_on(
            cloudwatch.Alarm(
                self,
                id_,
                metric=metric,
                threshold=1,
                comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
                evaluation_periods=periods,
                treat_missing_data=cloudwatch.TreatMissingData.BREACHING,
                alarm_description=sentence,
            )
        )

    def _act_on(self, alarm: cloudwatch.Alarm) -> cloudwatch.Alarm:
        alarm.add_alarm_action(SnsAction(self.topic))
        return alarm
