"""The function that brings back what has waited, and the schedule that starts it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Aws, Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk.aws_scheduler_targets import LambdaInvoke

from headworks.upkeep import WAKE_WAITING
from infra.constructs.naming import seconds
from infra.constructs.pipeline_function import PipelineFunction

if TYPE_CHECKING:
    from collections.abc import Iterable

    from constructs import Construct

    from infra.constructs.pipeline_layers import PipelineLayers
    from infra.constructs.pipeline_queue import PipelineQueue
    from infra.deployment import Deployment

# The shortest that EventBridge Scheduler and Lambda take.
SHORTEST_EVENT_AGE = Duration.minutes(1)


class WakeWaitingFunction(PipelineFunction):
    """Started once an interval, and told where every consumer's queue is.

    A round that fails or comes late isn't made up for: the next one finds the same and more.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        queues: Iterable[PipelineQueue],
        layers: PipelineLayers,
        deployment: Deployment,
    ) -> None:
        super().__init__(
            scope,
            package=WAKE_WAITING.function,
            timeout=WAKE_WAITING.timeout,
            memory_mb=WAKE_WAITING.memory_mb,
            layers=layers,
            deployment=deployment,
        )
        for queue in queues:
            for name, consumer in queue.consumers.items():
                self.tell(queue.declaration.url_variable(name), consumer.queue.queue_url)
                self.tell(
                    queue.declaration.dead_letter_url_variable(name), consumer.dead_letter_queue.queue_url
                )
                consumer.queue.grant_send_messages(self.function)
        # Scheduler hands its events over to Lambda's own queue, which has a patience of its own.
        self.function.configure_async_invoke(retry_attempts=0, max_event_age=SHORTEST_EVENT_AGE)
        scheduler.Schedule(
            self,
            "Schedule",
            description=f"Headworks: starts {WAKE_WAITING.function}",
            schedule=scheduler.ScheduleExpression.rate(seconds(WAKE_WAITING.interval)),
            target=LambdaInvoke(
                self.function,
                role=self._starting_role().without_policy_updates(),
                retry_attempts=0,
                max_event_age=SHORTEST_EVENT_AGE,
            ),
        )

    def _starting_role(self) -> iam.Role:
        # The target's own may invoke every version of the function, by wildcard.
        role = iam.Role(
            self,
            "StartingRole",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
            ),
        )
        self.function.grant_invoke_latest_version(role)
        return role
