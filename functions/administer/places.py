"""Whose messages are meant: queues and consumers by the names in a request."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from headworks.errors import excerpt
from headworks.http_api import Problem, bad_request
from headworks.ledger.catalogue import Address

if TYPE_CHECKING:
    from headworks.queue import Queue
    from headworks.topology import Topology
    from headworks.webhooks.sources import Source


def the_queue(topology: Topology, name: str) -> Queue:
    """The queue of that name.  Raises `Problem` 404."""
    queue = topology.queue(name)
    if queue is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"No queue is called {excerpt(name)}.")
    return queue


def the_source(topology: Topology, name: str) -> Source:
    """The source of that name.  Raises `Problem` 404."""
    source = topology.source(name)
    if source is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"No source is called {excerpt(name)}.")
    return source


def consumers_of(queue: Queue, consumer: str | None) -> list[Address]:
    """The consumer that is named, or all of the queue's.  Raises `Problem` 400."""
    if consumer is None:
        return [Address(queue.name, each) for each in queue.consumers]
    if consumer not in queue.consumers:
        raise bad_request(
            f"The queue {queue.name} has no consumer {excerpt(consumer)}: "
            f"it has {' and '.join(queue.consumers)}."
        )
    return [Address(queue.name, consumer)]


def the_consumer(queue: Queue, consumer: str | None) -> Address:
    """The consumer that is named, or the only one.  Raises `Problem` 400."""
    addresses = consumers_of(queue, consumer)
    if len(addresses) > 1:
        raise bad_request(
            f"The queue {queue.name} has several consumers: say which is meant, {' or '.join(queue.consumers)}."
        )
    return addresses[0]


def all_consumers(topology: Topology) -> list[Address]:
    """Every consumer of every queue."""
    return [Address(queue.name, each) for queue in topology.queues for each in queue.consumers]
