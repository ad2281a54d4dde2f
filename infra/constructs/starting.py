"""Schedules that start functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Aws, Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk.aws_scheduler_targets import LambdaInvoke

from infra.constructs.naming import seconds

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from infra.constructs.pipeline_function import PipelineFunction

# The shortest that EventBridge Scheduler and Lambda take.
SHORTEST_EVENT_AGE = Duration.minutes(1)


def start_every(
    interval: timedelta,
    function: PipelineFunction,
    *,
    event: Mapping[str, str] | None = None,
    times: int = 1,
) -> None:
    """Start a function so many times once an interval, each by a schedule of its own.

    A start that fails or comes late isn't made up for: the next one finds the same and more.
    """
    # Scheduler hands its events over to Lambda's own queue, which has a patience of its own.
    function.function.configure_async_invoke(retry_attempts=0, max_event_age=SHORTEST_EVENT_AGE)
    role = _starting_role(function).without_policy_updates()
    for number in range(1, times + 1):
        scheduler.Schedule(
            function,
            "Schedule" if number == 1 else f"Schedule{number}",
            description=f"Headworks: starts {function.package}",
            schedule=scheduler.ScheduleExpression.rate(seconds(interval)),
            target=LambdaInvoke(
                function.function,
                role=role,
                retry_attempts=0,
                max_event_age=SHORTEST_EVENT_AGE,
                input=None if event is None else scheduler.ScheduleTargetInput.from_object(dict(event)),
            ),
        )


def _starting_role(function: PipelineFunction) -> iam.Role:
    # The target's own may invoke every version of the function, by wildcard.
    role = iam.Role(
        function,
        "StartingRole",
        assumed_by=iam.ServicePrincipal(
            "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
        ),
    )
    function.function.grant_invoke_latest_version(role)
    return role
