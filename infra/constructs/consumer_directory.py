"""Where every consumer's parts are, written down for functions that look after all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from headworks import settings
from headworks.operations.directory import parameter_name

if TYPE_CHECKING:
    from infra.constructs.pipeline_function import PipelineFunction
    from infra.constructs.queue_service import ConsumerService


class ConsumerDirectory(Construct):
    """One parameter for each consumer, as `headworks.operations.directory` reads them: environments end at 4 KB."""

    def __init__(self, scope: Construct, id_: str) -> None:
        super().__init__(scope, id_)
        self.path = f"/headworks/{Stack.of(self).stack_name}/consumers"

    def add(self, consumer: ConsumerService) -> None:
        """Write down where a consumer's parts are."""
        place = {
            "url": consumer.queue.queue_url,
            "arn": consumer.queue.queue_arn,
            "dead_letter_url": consumer.dead_letter_queue.queue_url,
            "function": consumer.function.function_arn,
            "mapping": consumer.mapping_id,
        }
        if consumer.drain is not None:
            place["drain"] = consumer.drain.function_arn
        ssm.StringParameter(
            self,
            consumer.id_,
            parameter_name=parameter_name(self.path, consumer.declaration.name, consumer.name),
            description=f"Headworks: the parts of {consumer.label}",
            string_value=Stack.of(self).to_json_string(place),
        )

    def grant_read(self, function: PipelineFunction) -> None:
        """Tell a function where to read, and let it."""
        function.tell(settings.CONSUMERS_PATH, self.path)
        arn = Stack.of(self).format_arn(
            service="ssm",
            resource="parameter",
            resource_name=self.path.removeprefix("/"),
            arn_format=ArnFormat.SLASH_RESOURCE_NAME,
        )
        iam.Grant.add_to_principal(
            grantee=function.function, actions=["ssm:GetParametersByPath"], resource_arns=[arn]
        )
