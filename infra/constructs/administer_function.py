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
    """Told where every consumer's queue is, and the only one that knows the operators' tokens."""

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
        for queue in queues:
            for name, consumer in queue.consumers.items():
                self.tell(queue.declaration.url_variable(name), consumer.queue.queue_url)
                self.tell(
                    queue.declaration.dead_letter_url_variable(name), consumer.dead_letter_queue.queue_url
                )
                consumer.queue.grant_send_messages(self.function)
