"""The bucket of bodies too large for a queue."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

from aws_cdk import aws_iam as iam

from headworks.queue import KEPT_PREFIX
from infra.constructs.private_bucket import PrivateBucket

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aws_cdk import RemovalPolicy
    from constructs import Construct

    from headworks.queue import Queue
    from infra.constructs.pipeline_function import PipelineFunction


class ClaimCheckBucket(PrivateBucket):
    """Bodies go when no copy of their message can live any more.

    What is kept for a dead letter goes by no rule, unless its queue keeps them for a time only.  Without versions: every
    object is written once, under its message's id, and a version would keep a body beyond
    the life that its prefix promises.
    """

    def __init__(
        self, scope: Construct, id_: str, *, queues: Iterable[Queue], removal_policy: RemovalPolicy
    ) -> None:
        lives: dict[str, timedelta] = {}
        for queue in queues:
            lives |= {queue.body_prefix: queue.memory_of_keys, queue.waiting_prefix: queue.memory_of_waits}
            if queue.memory_of_the_dead is not None:
                lives[queue.kept_prefix] = queue.memory_of_the_dead
        super().__init__(
            scope,
            id_,
            lives={prefix: math.ceil(life / timedelta(days=1)) for prefix, life in lives.items()},
            removal_policy=removal_policy,
        )

    def grant_check_in(self, grantee: PipelineFunction, queue: Queue) -> None:
        """Allow writing bodies of a queue's messages, and keeping those that wait longer than a body lives.

        Keeping is copying, so it asks for reading too.
        """
        bodies = f"{queue.body_prefix}{queue.name}/*"
        self._grant_bodies(grantee, "s3:PutObject", bodies)
        self._grant_bodies(grantee, "s3:GetObject", bodies)
        self._grant_bodies(grantee, "s3:PutObject", f"{queue.waiting_prefix}{queue.name}/*")

    def grant_check_out(self, grantee: PipelineFunction, queue: Queue) -> None:
        """Allow reading bodies of a queue's messages, whatever life they were given, and keeping them."""
        self._grant_bodies(grantee, "s3:GetObject", f"*/{queue.name}/*")
        self._grant_bodies(grantee, "s3:PutObject", f"{queue.kept_prefix}{queue.name}/*")
        self._grant_bodies(grantee, "s3:PutObject", f"{queue.waiting_prefix}{queue.name}/*")
        self._grant_looking(grantee)

    def grant_keep(self, grantee: PipelineFunction, queues: Iterable[Queue]) -> None:
        """Allow keeping these queues' bodies."""
        self._grant_bodies(grantee, "s3:GetObject", "*")
        for queue in queues:
            self._grant_bodies(grantee, "s3:PutObject", f"{queue.kept_prefix}{queue.name}/*")
        self._grant_looking(grantee)

    def grant_waiting(self, grantee: PipelineFunction, queues: Iterable[Queue]) -> None:
        """Allow reading the bodies of what waits, and of dead letters that are put back."""
        for queue in queues:
            # What died before its queue kept them for a time only lies where it lay.
            for prefix in dict.fromkeys((KEPT_PREFIX, queue.kept_prefix, queue.waiting_prefix)):
                self._grant_bodies(grantee, "s3:GetObject", f"{prefix}{queue.name}/*")
        self._grant_looking(grantee)

    def _grant_looking(self, grantee: PipelineFunction) -> None:
        # S3 tells a missing object from a forbidden one only to those who may list the bucket.
        iam.Grant.add_to_principal(
            grantee=grantee.function, actions=["s3:ListBucket"], resource_arns=[self.bucket.bucket_arn]
        )

    def _grant_bodies(self, grantee: PipelineFunction, action: str, keys: str) -> None:
        self._grant_objects(
            grantee, action, keys, reason="Keys end with a message's id, which is new for each."
        )
