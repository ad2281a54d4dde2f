"""What queues on Redis travel over in AWS: a private network and a cache in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_ec2 as ec2

from headworks.brokers.redis.address import DEFAULT_PORT
from infra.constructs.private_network import PrivateNetwork
from infra.constructs.serverless_cache import ServerlessCache

if TYPE_CHECKING:
    from constructs import Construct

    from infra.cache_limits import CacheLimits
    from infra.constructs.pipeline_function import PipelineFunction


class HeadworksLowLatency(Stack):
    """A cache, and a way in for those functions that need it; the others stay outside, where there is an internet."""

    def __init__(self, scope: Construct, id_: str, *, limits: CacheLimits) -> None:
        super().__init__(
            scope,
            id_,
            description="Headworks: network and cache of the queues on Redis",
            # Accepted messages lie in the cache.
            termination_protection=True,
        )
        self.network = PrivateNetwork(self, "Network")
        self.cache = ServerlessCache(
            self, "Redis", limits=limits, network=self.network, port=ec2.Port.tcp(DEFAULT_PORT)
        )
        CfnOutput(self, "RedisUrl", value=self.url)

    @property
    def url(self) -> str:
        """The cache's URL, as `headworks.brokers.redis.address` reads it."""
        return self.cache.url

    def let_in(self, function: PipelineFunction, *reaching: ec2.InterfaceVpcEndpointAwsService) -> None:
        """Let a function use the cache, and from inside these services beside DynamoDB and S3.

        Inside there is no internet: a function that calls somebody else's API can't be let in.
        """
        self.network.attach(function, reaching=reaching)
        self.cache.grant_connect(function)
