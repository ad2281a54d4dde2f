"""What it takes to stop the bleeding: grants for whoever pauses, processes, purges and counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_iam as iam

from infra.acknowledgments import acknowledge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.constructs.pipeline_function import PipelineFunction
    from infra.constructs.queue_service import ConsumerService


def grant_pausing(function: PipelineFunction, consumers: Sequence[ConsumerService]) -> None:
    """Allow disabling and enabling these consumers' event source mappings, and asking how they stand."""
    iam.Grant.add_to_principal(
        grantee=function.function,
        actions=["lambda:GetEventSourceMapping", "lambda:UpdateEventSourceMapping"],
        resource_arns=[consumer.mapping_arn for consumer in consumers],
    )


def grant_taking(function: PipelineFunction, consumers: Sequence[ConsumerService]) -> None:
    """Allow receiving these consumers' messages, deleting them and giving them back."""
    # In one statement: a role's policies hold 10 KB.
    iam.Grant.add_to_principal(
        grantee=function.function,
        actions=["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"],
        resource_arns=[consumer.queue.queue_arn for consumer in consumers],
    )


def grant_processing(function: PipelineFunction, consumers: Sequence[ConsumerService]) -> None:
    """Allow having these consumers' own functions process messages; what those may do stays theirs."""
    for consumer in consumers:
        # Not Function.grant_invoke, which allows every version by wildcard.
        for each in (consumer.function, consumer.drain):
            if each is not None:
                each.grant_invoke_latest_version(function.function)


def grant_counting(function: PipelineFunction, consumers: Sequence[ConsumerService]) -> None:
    """Allow asking how much lies on these consumers' queues, and what CloudWatch tells of them."""
    iam.Grant.add_to_principal(
        grantee=function.function,
        actions=["sqs:GetQueueAttributes"],
        resource_arns=[
            queue.queue_arn
            for consumer in consumers
            for queue in (consumer.queue, consumer.dead_letter_queue)
        ],
    )
    iam.Grant.add_to_principal(
        grantee=function.function, actions=["cloudwatch:GetMetricData"], resource_arns=["*"]
    )
    acknowledge(
        function,
        "IAM5[Resource::*]",
        reason="CloudWatch's metrics have no resources: one may read them, or may not.",
    )
