"""The function that empties the dead-letter queues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk.aws_lambda_event_sources import SqsEventSource

from headworks.upkeep import BURY_CRASHED
from infra.constructs.pipeline_function import PipelineFunction

if TYPE_CHECKING:
    from collections.abc import Iterable

    from constructs import Construct

    from infra.constructs.pipeline_layers import PipelineLayers
    from infra.constructs.pipeline_queue import PipelineQueue
    from infra.deployment import Deployment


class BuryCrashedFunction(PipelineFunction):
    """Mapped to every consumer's dead-letter queue, and told where each of them is."""

    def __init__(
        self,
        scope: Construct,
        *,
        queues: Iterable[PipelineQueue],
        layers: PipelineLayers,
        deployment: Deployment,
    ) -> None:
        super().__init__(
            scope,
            package=BURY_CRASHED.function,
            timeout=BURY_CRASHED.timeout,
            memory_mb=BURY_CRASHED.memory_mb,
            layers=layers,
            deployment=deployment,
        )
        for queue in queues:
            for name, consumer in queue.consumers.items():
                variable = queue.declaration.dead_letter_url_variable(name)
                self.tell(variable, consumer.dead_letter_queue.queue_url)
                self.function.add_event_source(
                    SqsEventSource(
                        consumer.dead_letter_queue,
                        batch_size=BURY_CRASHED.batch_size,
                        max_concurrency=BURY_CRASHED.max_concurrency,
                        report_batch_item_failures=True,
                    )
                )
