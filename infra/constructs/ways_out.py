"""What a function reaches over the network, by what it may do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_cdk import Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam

from headworks.errors import InvalidDeclaration
from infra.endpoints import ENDPOINTS, services_called

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.constructs.pipeline_function import PipelineFunction


def ways_out(function: PipelineFunction) -> list[ec2.InterfaceVpcEndpointAwsService]:
    """The services that a function needs an interface endpoint for, each once.

    Raises `InvalidDeclaration` for one that nobody here has met.
    """
    called = services_called(_statements(function))
    if unknown := [service for service in called if service not in ENDPOINTS]:
        raise InvalidDeclaration(
            f"{function.package} may call {', '.join(unknown)} and joins the network of the low-latency stack, which "
            "leads nowhere by itself: name the interface endpoint in infra/endpoints.py"
        )
    return [ec2.InterfaceVpcEndpointAwsService(ENDPOINTS[service]) for service in called]


def _statements(function: PipelineFunction) -> Iterator[dict[str, Any]]:
    """All that a function's role was granted so far."""
    role = function.function.role
    for policy in role.node.find_all() if role else ():
        if isinstance(policy, iam.Policy):
            document: dict[str, Any] = Stack.of(policy).resolve(policy.document) or {}
            yield from document.get("Statement", ())
