"""Pausing and resuming, processing on demand, purging."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from aws_lambda_powertools.event_handler.openapi.params import Body

from administer.deadline import PROCESSING, WORK, within
from administer.documents.control import Changed, PauseAnswer, ProcessAnswer, PurgeAnswer
from administer.documents.requests import (
    PauseRequest,
    ProcessRequest,
    PurgeRequest,
    ResumeRequest,
    SourcePauseRequest,
)
from administer.operator import UNNAMED, Operator
from administer.places import consumers_of, the_consumer, the_queue, the_source
from headworks.errors import excerpt
from headworks.http_api import bad_request

if TYPE_CHECKING:
    from headworks.clock import Clock
    from headworks.operations.control import OnDemand, Pauses, Purging
    from headworks.queue import Queue
    from headworks.topology import Topology

PAUSE_ALL = PauseRequest()
RESUME_ALL = ResumeRequest()
WITHOUT_A_REASON = SourcePauseRequest()
A_BATCH = ProcessRequest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """Has done what stops and moves the queues of the topology."""

    topology: Topology
    pauses: Pauses
    on_demand: OnDemand
    purging: Purging
    clock: Clock

    def pause(
        self, queue: str, asked: Annotated[PauseRequest, Body()] = PAUSE_ALL, by: Operator = UNNAMED
    ) -> PauseAnswer:
        """Let a queue's consumers take nothing more."""
        declared = the_queue(self.topology, queue)
        addresses = consumers_of(declared, asked.consumer)
        changed = self.pauses.pause(addresses, by=by, reason=asked.reason)
        return PauseAnswer(
            changed=[Changed.of(each) for each in changed],
            warnings=[_what_stays(declared)],
        )

    def resume(self, queue: str, asked: Annotated[ResumeRequest, Body()] = RESUME_ALL) -> PauseAnswer:
        """Let a queue's consumers take again."""
        changed = self.pauses.resume(consumers_of(the_queue(self.topology, queue), asked.consumer))
        return PauseAnswer(changed=[Changed.of(each) for each in changed], warnings=[])

    def pause_source(
        self,
        source: str,
        asked: Annotated[SourcePauseRequest, Body()] = WITHOUT_A_REASON,
        by: Operator = UNNAMED,
    ) -> PauseAnswer:
        """Keep a source's events in the ledger instead of sending them."""
        declared = the_source(self.topology, source)
        changed = self.pauses.pause_source(declared.name, by=by, reason=asked.reason)
        return PauseAnswer(changed=[Changed.of(changed)], warnings=[])

    def resume_source(self, source: str) -> PauseAnswer:
        """Send what was kept of a source, and what comes from now on."""
        changed = self.pauses.resume_source(the_source(self.topology, source).name)
        return PauseAnswer(changed=[Changed.of(changed)], warnings=[])

    def process(self, queue: str, asked: Annotated[ProcessRequest, Body()] = A_BATCH) -> ProcessAnswer:
        """Have a queue's own consumer process some messages now."""
        address = the_consumer(the_queue(self.topology, queue), asked.consumer)
        processed = self.on_demand.process(
            address, batch_size=asked.batch_size, remaining=within(PROCESSING, self.clock)
        )
        return ProcessAnswer.of(processed)

    def purge(self, queue: str, asked: Annotated[PurgeRequest, Body()]) -> PurgeAnswer:
        """Delete what lies on a queue, and release its keys."""
        declared = the_queue(self.topology, queue)
        if asked.confirm != declared.name:
            raise bad_request(
                f"confirm: {excerpt(asked.confirm)} isn't the queue's name: repeat {declared.name} to purge it."
            )
        if asked.before is not None and asked.before > self.clock.now():
            raise bad_request(
                f"before: {asked.before.isoformat()} hasn't come yet: nothing was sent before it."
            )
        purged = self.purging.purge(
            consumers_of(declared, asked.consumer),
            before=asked.before,
            remaining=within(WORK, self.clock),
        )
        return PurgeAnswer.of(purged)


def _what_stays(queue: Queue) -> str:
    days = queue.retention.days
    if queue.transport == "redis":
        return (
            f"What arrives on {queue.name} stays there: on Redis while there is room, on SQS for {days} days after "
            "it was sent."
        )
    return f"What arrives on {queue.name} stays there, and SQS deletes it {days} days after it was sent."
