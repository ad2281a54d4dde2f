"""A function package on Lambda."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from headworks.naming import resource_id
from headworks.settings import LOG_LEVEL, SERVICE_NAME
from infra.acknowledgments import acknowledge
from infra.constructs.naming import seconds
from infra.deployment import RUNTIME

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from infra.constructs.pipeline_layers import PipelineLayers
    from infra.deployment import Deployment


class PipelineFunction(Construct):
    """`function`: one package of `functions/`, its log group, and a role that may write to it and trace.

    What else it needs is told and granted by whoever composes it.  `id_` tells it from another
    function of the same package.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        package: str,
        id_: str | None = None,
        timeout: timedelta,
        memory_mb: int,
        layers: PipelineLayers,
        deployment: Deployment,
    ) -> None:
        super().__init__(scope, id_ or resource_id(package))
        self.package = package
        # Whether it calls others' APIs, on the internet: whoever composes it says so.
        self.calls_out = False
        log_group = logs.LogGroup(
            self, "Logs", retention=deployment.log_retention, removal_policy=deployment.removal_policy
        )
        self.function = lambda_.Function(
            self,
            "Function",
            description=f"Headworks: {package}",
            code=lambda_.Code.from_asset(str(deployment.tree.functions), exclude=_all_but(package)),
            handler=f"{package}.handler.handler",
            runtime=RUNTIME,
            architecture=deployment.architecture,
            layers=layers.versions,
            role=self._role(log_group),
            timeout=seconds(timeout),
            memory_size=memory_mb,
            tracing=lambda_.Tracing.ACTIVE,
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            environment={SERVICE_NAME: package, LOG_LEVEL: deployment.log_level},
        )

    def tell(self, variable: str, value: str) -> None:
        """Set an environment variable, by the name that `headworks.settings` reads."""
        self.function.add_environment(variable, value)

    def tell_all(self, values: Mapping[str, str]) -> None:
        """Set several, by their names."""
        for variable, value in values.items():
            self.tell(variable, value)

    def _role(self, log_group: logs.LogGroup) -> iam.Role:
        # Lambda's own makes a role that may write to every log group.
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log_group.grant_write(role)
        acknowledge(
            role, "IAM5[Resource::*]", reason="X-Ray has no resources: one may send it traces, or may not."
        )
        return role


def _all_but(package: str) -> list[str]:
    """What leaves only one package in the asset, so that a change in a sibling doesn't deploy it again."""
    return ["*", f"!{package}", f"!{package}/**", "**/__pycache__"]
