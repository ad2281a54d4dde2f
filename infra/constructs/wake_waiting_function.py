"""The function that brings back what has waited, and the schedule that starts it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headworks.upkeep import WAKE_WAITING
from infra.constructs.pipeline_function import PipelineFunction
from infra.constructs.starting import start_every

if TYPE_CHECKING:
    from collections.abc import Iterable

    from constructs import Construct

    from infra.constructs.pipeline_layers import PipelineLayers
    from infra.constructs.pipeline_queue import PipelineQueue
    from infra.deployment import Deployment


class WakeWaitingFunction(PipelineFunction):
    """Started once an interval, and told where every consumer's queue is.

    A round that fails or comes late isn't made up for: the next one finds the same and more.
    """

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
            package=WAKE_WAITING.function,
            timeout=WAKE_WAITING.timeout,
            memory_mb=WAKE_WAITING.memory_mb,
            layers=layers,
            deployment=deployment,
        )
        for queue in queues:
            for name, consumer in queue.consumers.items():
                self.tell_all(consumer.addresses(name))
                consumer.queue.grant_send_messages(self.function)
        start_every(WAKE_WAITING.interval, self)
