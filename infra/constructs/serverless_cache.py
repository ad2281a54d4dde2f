"""ElastiCache Serverless for Valkey: what queues on Redis travel over in AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_elasticache as elasticache
from aws_cdk import aws_iam as iam
from constructs import Construct

from headworks.brokers.redis.address import DEFAULT_PORT

if TYPE_CHECKING:
    from aws_cdk import aws_ec2 as ec2

    from infra.cache_limits import CacheLimits
    from infra.constructs.pipeline_function import PipelineFunction
    from infra.constructs.private_network import PrivateNetwork

ENGINE = "valkey"
MAJOR_VERSION = "8"
# The cache, its user and the user's group: ElastiCache wants names, and an IAM token is signed for them.
NAME = "headworks"
FINAL_SNAPSHOT = f"{NAME}-final"
# docs/redis.md, "The server": what the scripts need, on keys that begin with a queue's tag.
ACCESS = (
    "on ~{* -@all +@connection +info +time +@stream +@string +@hash +@list +@sortedset "
    "+del +unlink +exists +pexpire +pttl +evalsha +eval"
)


class ServerlessCache(Construct):
    """`cache`, over TLS, for those who log in by IAM.

    It takes a last snapshot before it is deleted, since accepted messages lie in it.
    """

    def __init__(
        self, scope: Construct, id_: str, *, limits: CacheLimits, network: PrivateNetwork, port: ec2.Port
    ) -> None:
        super().__init__(scope, id_)
        self.limits = limits
        group = network.guarded("Cache", "The cache: from functions inside", port)
        self._user = elasticache.CfnUser(
            self,
            "User",
            engine=ENGINE,
            user_id=NAME,
            # By IAM alone, and for that id and name must be the same.
            user_name=NAME,
            authentication_mode={"Type": "iam"},
            access_string=ACCESS,
        )
        users = elasticache.CfnUserGroup(
            self, "Users", engine=ENGINE, user_group_id=NAME, user_ids=[self._user.ref]
        )
        self.cache = elasticache.CfnServerlessCache(
            self,
            "Cache",
            engine=ENGINE,
            major_engine_version=MAJOR_VERSION,
            serverless_cache_name=NAME,
            description="Headworks: queues on Redis",
            subnet_ids=network.subnet_ids,
            security_group_ids=[group.security_group_id],
            user_group_id=users.ref,
            cache_usage_limits=_usage(limits),
            snapshot_retention_limit=limits.snapshot_days,
            final_snapshot_name=FINAL_SNAPSHOT,
        )

    @property
    def url(self) -> str:
        """Where it is, who logs in and for which cache the token is signed; no secret."""
        address = self.cache.attr_endpoint_address
        return f"rediss://{NAME}@{address}:{DEFAULT_PORT}?cache={NAME}"

    def grant_connect(self, grantee: PipelineFunction) -> None:
        """Allow logging in as the cache's user."""
        iam.Grant.add_to_principal(
            grantee=grantee.function,
            actions=["elasticache:Connect"],
            resource_arns=[self.cache.attr_arn, self._user.attr_arn],
        )


def _usage(limits: CacheLimits) -> elasticache.CfnServerlessCache.CacheUsageLimitsProperty:
    return elasticache.CfnServerlessCache.CacheUsageLimitsProperty(
        data_storage=elasticache.CfnServerlessCache.DataStorageProperty(unit="GB", maximum=limits.storage_gb),
        ecpu_per_second=elasticache.CfnServerlessCache.ECPUPerSecondProperty(maximum=limits.ecpu_per_second),
    )
