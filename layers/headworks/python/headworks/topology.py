"""All declarations of a pipeline together, checked against one another."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from headworks.errors import InvalidDeclaration

if TYPE_CHECKING:
    from collections.abc import Iterable

    from headworks.bucket import Bucket
    from headworks.edge import Edge
    from headworks.outbound.endpoints import Endpoint
    from headworks.queue import Queue
    from headworks.table import Table
    from headworks.webhooks.routes import Route
    from headworks.webhooks.sources import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """What infrastructure, functions, the local run and the command line loop over."""

    queues: tuple[Queue, ...]
    sources: tuple[Source, ...] = ()
    routes: tuple[Route, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    edges: tuple[Edge, ...] = ()
    tables: tuple[Table, ...] = ()
    buckets: tuple[Bucket, ...] = ()

    def __post_init__(self) -> None:
        _refuse_twins("queue", (queue.name for queue in self.queues))
        _refuse_twins("consumer", (consumer for queue in self.queues for consumer in queue.consumers))
        _refuse_twins("source", (source.name for source in self.sources))
        _refuse_twins("endpoint", (endpoint.name for endpoint in self.endpoints))
        _refuse_twins("edge", (edge.function for edge in self.edges))
        _refuse_twins("table", (table.name for table in self.tables))
        _refuse_twins("bucket", (bucket.name for bucket in self.buckets))
        for route in self.routes:
            self._check_route(route)
        for name, target in self._sends():
            if self.queue(target) is None:
                raise InvalidDeclaration(f"{name} sends to the queue {target!r}, which isn't declared")
        for table in self.tables:
            self._check_users(f"the table {table.name!r}", table.functions)
        for bucket in self.buckets:
            self._check_users(f"the bucket {bucket.name!r}", bucket.functions)
        for queue in self.queues:
            self._check_queue(queue)
        for source in self.sources:
            if not any(route.serves(source.name) for route in self.routes):
                raise InvalidDeclaration(f"no route takes events of the source {source.name!r}")

    @property
    def functions(self) -> frozenset[str]:
        """Every function package that a declaration names."""
        consumers = {consumer for queue in self.queues for consumer in queue.consumers}
        return frozenset(consumers | {edge.function for edge in self.edges})

    def _sends(self) -> Iterable[tuple[str, str]]:
        yield from ((edge.function, target) for edge in self.edges for target in edge.sends_to)
        yield from ((queue.name, target) for queue in self.queues for target in queue.emits)
        yield from (
            (queue.name, queue.announces_dead_to.name) for queue in self.queues if queue.announces_dead_to
        )

    @property
    def _sent_to(self) -> set[str]:
        """The queues that the pipeline itself sends to."""
        return {route.queue for route in self.routes} | {target for _, target in self._sends()}

    def _check_users(self, what: str, functions: tuple[str, ...]) -> None:
        if strangers := set(functions) - self.functions:
            raise InvalidDeclaration(f"{what} is for {sorted(strangers)}, which nothing declares")

    def _check_route(self, route: Route) -> None:
        queue = self.queue(route.queue)
        if queue is None:
            raise InvalidDeclaration(f"a route leads to the queue {route.queue!r}, which isn't declared")
        if queue.fifo:
            raise InvalidDeclaration(f"a webhook has no ordering key: no route can lead to {queue.name!r}")
        if route.endpoint is not None and self.endpoint(route.endpoint) is None:
            raise InvalidDeclaration(
                f"a route leads to the endpoint {route.endpoint!r}, which isn't declared"
            )

    def _check_queue(self, queue: Queue) -> None:
        if queue.internal and queue.name not in self._sent_to:
            raise InvalidDeclaration(f"{queue.name} is internal, and nothing here sends to it")
        # No circles: of two declarations only the later one can name the other.
        target = queue.announces_dead_to
        if target is not None and self.queue(target.name) != target:
            raise InvalidDeclaration(
                f"{queue.name} announces its dead letters to {target.name!r}, which is declared otherwise here"
            )

    def queue(self, name: str) -> Queue | None:
        """The queue of that name, if there is one."""
        return next((queue for queue in self.queues if queue.name == name), None)

    def source(self, name: str) -> Source | None:
        """The source of that name, if there is one."""
        return next((source for source in self.sources if source.name == name), None)

    def endpoint(self, name: str) -> Endpoint | None:
        """The endpoint of that name, if there is one."""
        return next((endpoint for endpoint in self.endpoints if endpoint.name == name), None)

    @property
    def open_queues(self) -> tuple[Queue, ...]:
        """The queues that the producer API sends to."""
        return tuple(queue for queue in self.queues if not queue.internal)

    @property
    def routed_queues(self) -> tuple[Queue, ...]:
        """The queues that some route leads to."""
        routed = {route.queue for route in self.routes}
        return tuple(queue for queue in self.queues if queue.name in routed)


def _refuse_twins(what: str, names: Iterable[str]) -> None:
    twins = sorted(name for name, times in Counter(names).items() if times > 1)
    if twins:
        raise InvalidDeclaration(f"declared twice: {what} {', '.join(twins)}")
