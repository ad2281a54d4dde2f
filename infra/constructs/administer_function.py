"""The function that answers operators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headworks import settings
from headworks.upkeep import ADMINISTER
from infra.constructs.pipeline_function import PipelineFunction

if TYPE_CHECKING:
    from collections.abc import Iterable

    from constructs import Construct

    from infra.constructs.pipeline_layers import PipelineLayers
    from infra.constructs.pipeline_queue import PipelineQueue
    from infra.constructs.signing_secret import SigningSecret
    from infra.deployment import Deployment

# What it imports beside what all functions do: pyproject.toml has the group.
DEPENDENCIES = "admin"


class AdministerFunction(PipelineFunction):
    """May send to every consumer's queue, and is the only one that knows the operators' tokens."""

    def __init__(
        self,
        scope: Construct,
        *,
        queues: Iterable[PipelineQueue],
        secret: SigningSecret,
        layers: PipelineLayers,
        deployment: Deployment,
    ) -> None:
        super().__init__(
            scope,
            package=ADMINISTER.function,
            timeout=ADMINISTER.timeout,
            memory_mb=ADMINISTER.memory_mb,
            layers=layers,
            deployment=deployment,
        )
        self.function.add_layers(layers.of_group(DEPENDENCIES))
        self.tell(settings.ADMIN_SECRET, secret.secret.secret_arn)
        secret.secret.grant_read(self.function)
        # Where they are it reads in the directory: an environment has no room for all their URLs.
        for queue in queues:
            for consumer in queue.consumers.values():
                consumer.queue.grant_send_messages(self.function)
