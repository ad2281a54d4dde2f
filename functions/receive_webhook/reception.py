"""Receiving a webhook: verified over its raw bytes, made durable, then answered - nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING

from headworks.clock import SystemClock
from headworks.errors import Unavailable, excerpt
from headworks.http_api import Problem, Response
from headworks.outcome import Reason
from headworks.telemetry import Action
from headworks.webhooks.identity import UnexpectedShape, identify
from headworks.webhooks.routes import routes_of
from headworks.webhooks.schemes import InvalidSecret, SignatureRefused, verify
from receive_webhook.webhook import Webhook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from headworks.clock import Clock
    from headworks.http_api import Request
    from headworks.producer import Accepted, Producer
    from headworks.queue import Queue
    from headworks.telemetry import Log
    from headworks.topology import Topology
    from headworks.webhooks.routes import Route
    from headworks.webhooks.sources import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """The way in for the topology's sources.

    `producer` gives the way into a queue, `secrets` what verifies a source.  What a source sends while it
    `is_paused` is verified, answered and kept back.
    """

    topology: Topology
    producer: Callable[[Queue], Producer]
    secrets: Callable[[Source], Sequence[str]]
    is_paused: Callable[[Source], bool]
    log: Log
    clock: Clock = field(default_factory=SystemClock)

    def receive(self, request: Request) -> Response:
        """Take one webhook in; return when it is durable.

        Once its signature is right an event is never refused: what no route takes, or doesn't look as
        the source's events do, is kept among the dead letters.  Raises `Problem`, and `Unavailable`
        where the provider is to send the event again.
        """
        source = self._source(request)
        self._verify(source, request)
        try:
            identity = identify(source, request.headers, request.body)
        except UnexpectedShape as error:
            webhook = Webhook(source=source, request=request)
            self._tell_received(webhook)
            return _received([self._quarantine(webhook, why=str(error))])
        webhook = Webhook(source=source, request=request, identity=identity)
        self._tell_received(webhook)
        routes = routes_of(self.topology.routes, source.name, identity.event_type)
        if not routes:
            return _received([self._quarantine(webhook, why=f"no route takes {identity.event_type}")])
        return _received(self._send(webhook, routes))

    def _source(self, request: Request) -> Source:
        name = request.path_parameters.get("source", "")
        source = self.topology.source(name)
        if source is None:
            raise Problem(HTTPStatus.NOT_FOUND, f"No source is called {excerpt(name)}.")
        return source

    def _verify(self, source: Source, request: Request) -> None:
        if not request.body:
            raise Problem(HTTPStatus.BAD_REQUEST, "The body is empty.")
        try:
            verify(
                source,
                request.body,
                request.headers,
                secrets=self.secrets(source),
                now=self.clock.now(),
            )
        except SignatureRefused as error:
            raise Problem(HTTPStatus.UNAUTHORIZED, f"The signature is refused: {error}.") from error
        except InvalidSecret as error:
            # Ours to mend, and said in the log alone: until then nobody's signature can be right.
            raise Problem(HTTPStatus.UNAUTHORIZED, "The signature can't be verified.") from error

    def _send(self, webhook: Webhook, routes: Iterable[Route]) -> list[Accepted]:
        """Send along every route; one that fails doesn't keep the event from the others.

        Each has a key of its own, so the provider's retry completes only what is missing.
        """
        accepted, trouble = [], []
        kept_back = self.is_paused(webhook.source)
        for queue, endpoint in _ways(routes):
            try:
                accepted.append(
                    self._producer(queue).send(webhook.outgoing(endpoint=endpoint), kept_back=kept_back)
                )
            except Unavailable as error:
                trouble.append(error)
        if trouble:
            raise trouble[0]
        return accepted

    def _quarantine(self, webhook: Webhook, *, why: str) -> Accepted:
        """Keep it with the first queue that the source has a route to, in the form that this route gives it.

        A replay then sends it that way.
        """
        route = next(route for route in self.topology.routes if route.serves(webhook.source.name))
        outgoing = webhook.outgoing(endpoint=route.endpoint)
        return self._producer(route.queue).bury(outgoing, reason=Reason.QUARANTINED, error=why)

    def _producer(self, name: str) -> Producer:
        return self.producer(next(queue for queue in self.topology.queues if queue.name == name))

    def _tell_received(self, webhook: Webhook) -> None:
        identity = webhook.identity
        self.log(
            Action.RECEIVED,
            source=webhook.source.name,
            event_type=identity and identity.event_type,
            event_id=identity and identity.event_id,
            traceparent=webhook.request.traceparent,
        )


def _ways(routes: Iterable[Route]) -> list[tuple[str, str | None]]:
    """Where routes lead, each place once: two patterns may both match an event."""
    return list(dict.fromkeys((route.queue, route.endpoint) for route in routes))


def _received(accepted: Sequence[Accepted]) -> Response:
    answer: dict[str, object] = {"received": True}
    if all(each.duplicate for each in accepted):
        answer["duplicate"] = True
    return Response(status=HTTPStatus.OK, body={**answer, "messageId": accepted[0].message_id})
