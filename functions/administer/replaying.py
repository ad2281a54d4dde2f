"""Putting dead letters back."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body

from administer.deadline import WORK, within
from administer.documents.replays import Replay, Running
from administer.documents.requests import ReplayRequest
from administer.operator import UNNAMED, Operator
from administer.places import consumers_of, the_queue
from headworks.errors import excerpt
from headworks.http_api import Problem
from headworks.operations import replays as asked_for
from headworks.operations.replays import Selection, Standing

if TYPE_CHECKING:
    from headworks.clock import Clock
    from headworks.operations.replays import Replays
    from headworks.topology import Topology


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaying:
    """Starts replays and works at them while somebody waits; what is left is carried on every minute."""

    topology: Topology
    replays: Replays
    clock: Clock

    def ask(
        self, queue: str, asked: Annotated[ReplayRequest, Body()], by: Operator = UNNAMED
    ) -> Response[Replay]:
        """Put dead letters of a queue back."""
        declared = the_queue(self.topology, queue)
        consumers_of(declared, asked.consumer)
        request = _request(declared.name, asked, by)
        if asked.dry_run:
            return _answer(self.replays.count(request))
        remaining = within(WORK, self.clock)
        started = self.replays.start(request)
        if started.standing is not Standing.RUNNING:
            return _answer(started)
        return _answer(self.replays.work(request.id, remaining=remaining) or started)

    def running(self) -> Running:
        """The replays that go on."""
        return Running(replays=[Replay.of(each) for each in self.replays.running()])

    def find(self, id: str) -> Replay:  # noqa: A002 - the path's own name
        """How a replay stands."""
        return _known(id, self.replays.find(id))

    def stop(self, id: str, by: Operator = UNNAMED) -> Replay:  # noqa: A002 - the path's own name
        """Let a replay end where it is; what was sent stays sent."""
        return _known(id, self.replays.stop(id, because=f"stopped by {by}"))


def _request(queue: str, asked: ReplayRequest, by: str) -> asked_for.ReplayRequest:
    return asked_for.ReplayRequest(
        id=asked.id or f"rpl_{uuid4().hex}",
        queue=queue,
        selection=Selection(
            names=tuple(dict.fromkeys(asked.ids or ())),
            only=None if asked.filter is None else asked.filter.meant(),
        ),
        by=by,
        consumer=asked.consumer,
        reason=asked.reason,
        first=asked.first,
        rate=asked.rate,
        again=asked.again,
        any_number=asked.any_number,
        stop_after=asked.stop_after,
    )


def _answer(replay: asked_for.Replay) -> Response[Replay]:
    status = HTTPStatus.ACCEPTED if replay.standing is Standing.RUNNING else HTTPStatus.OK
    return Response(int(status), "application/json", Replay.of(replay))


def _known(id_: str, replay: asked_for.Replay | None) -> Replay:
    if replay is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"No replay is called {excerpt(id_)}.")
    return Replay.of(replay)
