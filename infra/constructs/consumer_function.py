"""A function that consumes a queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk.aws_lambda_event_sources import SqsEventSource

from infra.constructs.naming import seconds
from infra.constructs.pipeline_function import PipelineFunction

if TYPE_CHECKING:
    from constructs import Construct

    from infra.constructs.consumer_queue import ConsumerQueue
    from infra.constructs.pipeline_layers import PipelineLayers
    from infra.deployment import Deployment


class ConsumerFunction(PipelineFunction):
    """A consumer and its event source mapping: partial batches, and as many at once as declared.

    The mapping is the limiter: reserved concurrency would throttle invocations, and a
    throttled batch has been received without having run.
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
            timeout=queue.function_timeout,
            memory_mb=queue.memory_mb,
            layers=layers,
            deployment=deployment,
        )
        self.mapping = self._take_from(source)
        self.tell_all(source.addresses(package))

    def _take_from(self, source: ConsumerQueue) -> SqsEventSource:
        queue = source.declaration
        mapping = SqsEventSource(
            source.queue,
            batch_size=queue.batch_size,
            max_batching_window=seconds(queue.batch_window) if queue.batch_window else None,
            max_concurrency=queue.max_concurrency,
            report_batch_item_failures=True,
        )
        self.function.add_event_source(mapping)
        return mapping
