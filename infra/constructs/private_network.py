"""A network that leads to AWS services and a cache, and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.acknowledgments import acknowledge

if TYPE_CHECKING:
    from collections.abc import Sequence

    from infra.constructs.pipeline_function import PipelineFunction

ZONES = 2
HTTPS = ec2.Port.tcp(443)
# What Lambda does with network interfaces on a function's behalf: "Giving Lambda functions access to
# resources in an Amazon VPC".
ATTACH = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)


class PrivateNetwork(Construct):
    """`vpc`: isolated subnets in two zones, without a NAT or an internet gateway.

    DynamoDB and S3 are reached through gateways, which cost nothing.  Every other service takes an
    interface endpoint, some 7 USD a month and zone: it is made when the first function asks for it.
    """

    def __init__(self, scope: Construct, id_: str) -> None:
        super().__init__(scope, id_)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            max_azs=ZONES,
            nat_gateways=0,
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="Inside", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=20
                )
            ],
            gateway_endpoints={
                "DynamoDb": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.DYNAMODB),
                "S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3),
            },
        )
        acknowledge(
            self.vpc,
            "VPC7",
            reason="No route leads in or out but to AWS services, which log their own calls; flow logs would "
            "cost more than the network.",
        )
        self.functions = self._group("Functions", "Functions inside: to the cache, and to AWS services")
        # The gateways have no addresses that are known here, and there is no route to any other.
        self.functions.add_egress_rule(ec2.Peer.any_ipv4(), HTTPS, "AWS services, by endpoints alone")
        self._at_endpoints = self._group("Endpoints", "Endpoints of AWS services: from functions inside")
        self._at_endpoints.add_ingress_rule(self.functions, HTTPS, "Functions inside")
        self._endpoints: dict[str, ec2.InterfaceVpcEndpoint] = {}

    @property
    def subnet_ids(self) -> list[str]:
        """The subnets, one a zone."""
        return self.vpc.select_subnets(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED).subnet_ids

    def guarded(self, id_: str, description: str, port: ec2.Port) -> ec2.SecurityGroup:
        """A group for what functions inside reach at this port, and nobody else at any."""
        group = self._group(id_, description)
        group.add_ingress_rule(self.functions, port, "Functions inside")
        self.functions.add_egress_rule(group, port, description)
        return group

    def attach(
        self, function: PipelineFunction, *, reaching: Sequence[ec2.InterfaceVpcEndpointAwsService]
    ) -> None:
        """Run a function inside, from where it reaches DynamoDB, S3 and these services."""
        for service in reaching:
            self._lead_to(service)
        iam.Grant.add_to_principal(grantee=function.function, actions=list(ATTACH), resource_arns=["*"])
        acknowledge(
            function,
            "IAM5[Resource::*]",
            reason="A network interface has no name before Lambda makes it; X-Ray has no resources at all.",
        )
        # Set on the resource: a function takes its network at birth alone, and who is let in is known later.
        resource = cast("lambda_.CfnFunction", function.function.node.default_child)
        resource.vpc_config = lambda_.CfnFunction.VpcConfigProperty(
            subnet_ids=self.subnet_ids, security_group_ids=[self.functions.security_group_id]
        )

    def _lead_to(self, service: ec2.InterfaceVpcEndpointAwsService) -> None:
        if service.short_name in self._endpoints:
            return
        self._endpoints[service.short_name] = ec2.InterfaceVpcEndpoint(
            self,
            f"To-{service.short_name}",
            vpc=self.vpc,
            service=service,
            subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED),
            security_groups=[self._at_endpoints],
            open=False,
        )

    def _group(self, id_: str, description: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(
            self,
            id_,
            vpc=self.vpc,
            description=description,
            allow_all_outbound=False,
            disable_inline_rules=True,
        )
