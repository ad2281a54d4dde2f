"""Buckets as this pipeline has them: private, encrypted, over TLS only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.acknowledgments import acknowledge, acknowledge_wildcard

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aws_cdk import RemovalPolicy

    from headworks.bucket import Bucket
    from infra.constructs.pipeline_function import PipelineFunction


class PrivateBucket(Construct):
    """`bucket`; objects go by the days that `lives` gives for their prefix, others stay."""

    def __init__(
        self, scope: Construct, id_: str, *, lives: Mapping[str, int], removal_policy: RemovalPolicy
    ) -> None:
        super().__init__(scope, id_)
        self.bucket = s3.Bucket(
            self,
            "Bucket",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id=f"expire-{prefix.rstrip('/')}", prefix=prefix, expiration=Duration.days(days)
                )
                for prefix, days in sorted(lives.items())
            ],
            removal_policy=removal_policy,
        )
        acknowledge(
            self.bucket,
            "S1",
            reason="Only this pipeline's functions may use it, and their log lines name every message; "
            "access logs would need a second bucket and cost as much as the bodies.",
        )

    def _grant_objects(self, grantee: PipelineFunction, action: str, keys: str, *, reason: str) -> None:
        # Not Bucket.grant_put or grant_read: those allow actions by wildcard.
        arn = self.bucket.arn_for_objects(keys)
        iam.Grant.add_to_principal(grantee=grantee.function, actions=[action], resource_arns=[arn])
        acknowledge_wildcard(grantee, arn, reason=reason)


class PipelineBucket(PrivateBucket):
    """A bucket of the pipeline's own, by its declaration.

    Without versions: a function that writes an object again writes the same one.
    """

    def __init__(
        self, scope: Construct, id_: str, *, declaration: Bucket, removal_policy: RemovalPolicy
    ) -> None:
        kept_for = declaration.kept_for
        lives = {} if kept_for is None else {declaration.prefix: kept_for.days}
        super().__init__(scope, id_, lives=lives, removal_policy=removal_policy)
        self._prefix = declaration.prefix

    def grant_put(self, grantee: PipelineFunction) -> None:
        """Allow putting objects under the bucket's prefix."""
        self._grant_objects(
            grantee,
            "s3:PutObject",
            f"{self._prefix}*",
            reason="A function names its objects; the prefix is declared.",
        )
