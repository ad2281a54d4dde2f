"""What queues on Redis travel over in AWS: a private network and a cache in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_ec2 as ec2

from headworks.brokers.redis.address import DEFAULT_PORT
from headworks.errors import InvalidDeclaration
from headworks.settings import REDIS_URL
from infra.constructs.private_network import PrivateNetwork
from infra.constructs.serverless_cache import ServerlessCache
from infra.constructs.ways_out import ways_out

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

    def let_in(self, function: PipelineFunction) -> None:
        """Let a function use the cache, and from inside all that it may call by now.

        Inside there is no internet.  Raises `InvalidDeclaration` for a function that calls somebody
        else's API.
        """
        if function.calls_out:
            raise InvalidDeclaration(
                f"{function.package} posts to endpoints on the internet and needs the cache, in whose network there is no "
                "way out: let its queues travel over sqs, or name a Redis outside with `-c redis_url=rediss://...`"
            )
        function.tell(REDIS_URL, self.url)
        self.network.attach(function, reaching=ways_out(function))
        self.cache.grant_connect(function)
