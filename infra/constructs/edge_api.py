"""The HTTP API in front of the edges."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import jsii
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_logs as logs
from aws_cdk.aws_apigateway import AccessLogFormat
from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration
from constructs import Construct

from headworks.naming import resource_id
from infra.acknowledgments import acknowledge

if TYPE_CHECKING:
    from headworks.edge import Edge
    from infra.constructs.pipeline_function import PipelineFunction
    from infra.deployment import Deployment

# Neither query strings nor headers: they may hold tokens.
LOGGED = {
    "time": "$context.requestTime",
    "request_id": "$context.requestId",
    "source_ip": "$context.identity.sourceIp",
    "route": "$context.routeKey",
    "path": "$context.path",
    "status": "$context.status",
    "response_bytes": "$context.responseLength",
    "duration_ms": "$context.responseLatency",
    "integration_status": "$context.integrationStatus",
    "error": "$context.integrationErrorMessage",
}


@jsii.implements(apigateway.IAccessLogSettings)
class _AccessLog:
    """One JSON line a request."""

    def __init__(self, log_group: logs.LogGroup) -> None:
        self._log_group = log_group

    @property
    def destination(self) -> apigateway.IAccessLogDestination:
        return apigateway.LogGroupLogDestination(self._log_group)

    @property
    def format(self) -> AccessLogFormat:
        return AccessLogFormat.custom(json.dumps(LOGGED))


class EdgeApi(Construct):
    """`api` and its default stage: throttled, with access logs; routes are added edge by edge."""

    def __init__(self, scope: Construct, id_: str, *, deployment: Deployment) -> None:
        super().__init__(scope, id_)
        self.api = apigateway.HttpApi(
            self, "Api", description="Headworks: where events come in", create_default_stage=False
        )
        log_group = logs.LogGroup(
            self,
            "AccessLogs",
            retention=deployment.log_retention,
            removal_policy=deployment.removal_policy,
        )
        self.stage = apigateway.HttpStage(
            self,
            "Stage",
            http_api=self.api,
            auto_deploy=True,
            throttle=apigateway.ThrottleSettings(
                rate_limit=deployment.requests_per_second, burst_limit=deployment.burst
            ),
            access_log_settings=_AccessLog(log_group),
        )

    def add(self, edge: Edge, handler: PipelineFunction) -> None:
        """Lead an edge's routes to its function."""
        integration = HttpLambdaIntegration(
            resource_id(edge.function), handler.function, scope_permission_to_route=True
        )
        for each in edge.routes:
            method, path = each.split(" ", 1)
            [route] = self.api.add_routes(
                path=path, methods=[apigateway.HttpMethod[method]], integration=integration
            )
            acknowledge(
                route,
                "APIG4",
                reason="The function itself checks the signature or the token: an authorizer gets no body to verify.",
            )
