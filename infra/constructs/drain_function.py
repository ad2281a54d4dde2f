"""A function that takes a consumer's messages from Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headworks.naming import resource_id
from headworks.queue import DRAIN_INTERVAL
from headworks.upkeep import DRAIN_EVENT
from infra.constructs.pipeline_function import PipelineFunction
from infra.constructs.starting import start_every

if TYPE_CHECKING:
    from constructs import Construct

    from infra.constructs.consumer_queue import ConsumerQueue
    from infra.constructs.pipeline_layers import PipelineLayers
    from infra.deployment import Deployment


class DrainFunction(PipelineFunction):
    """A consumer's code once more, started by a schedule, and alive until its successor is.

    The consumer's other function takes what is on SQS, within a time limit of its own.
    """

    def __init__(
        self,
        scope: Construct,
        *,
        package: str,
        source: ConsumerQueue,
        layers: PipelineLayers,
        deployment: Deployment,
    ) -> None:
        queue = source.declaration
        super().__init__(
            scope,
            package=package,
            id_=f"{resource_id(package)}Drain",
            timeout=queue.drain_timeout,
            memory_mb=queue.memory_mb,
            layers=layers,
            deployment=deployment,
        )
        self.tell_all(source.addresses(package))
        start_every(DRAIN_INTERVAL, self, event=DRAIN_EVENT, times=queue.drains)
