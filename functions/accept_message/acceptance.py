"""Accepting messages from the team's own services: authorised, checked as a whole, then made durable."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from accept_message.submission import Submission, read_submissions
from headworks.errors import InvalidMessage, Unavailable, excerpt
from headworks.http_api import Problem, Response, bad_request, require_bearer, unavailable
from headworks.telemetry import Action

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta

    from headworks.clock import Clock
    from headworks.http_api import Request
    from headworks.producer import Accepted, Outgoing, Producer
    from headworks.queue import Queue
    from headworks.telemetry import Log
    from headworks.topology import Topology

    Answer = Accepted | Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """The producers' way in to the topology's open queues.

    `producer` gives the way into a queue, `tokens` the bearer tokens that are valid now.
    """

    topology: Topology
    producer: Callable[[Queue], Producer]
    tokens: Callable[[], Sequence[str]]
    clock: Clock
    log: Log

    def answer(self, request: Request) -> Response:
        """Take messages in (POST), or one that waits back out (DELETE).  Raises `Problem`, `Unavailable`."""
        return self.cancel(request) if request.method == "DELETE" else self.accept(request)

    def accept(self, request: Request) -> Response:
        """Take one message or an array of them in; return when all are durable.

        Raises `Problem`.  When the queue took only some of an array, it says which: sent again with
        the same idempotency keys, the others arrive and these are duplicates.
        """
        require_bearer(request, self.tokens())
        queue = self._queue(request)
        now = self.clock.now()
        submitted = read_submissions(request, queue, now=now)
        submissions = [submitted] if isinstance(submitted, Submission) else submitted
        self.log(
            Action.RECEIVED, queue=queue.name, messages=len(submissions), traceparent=request.traceparent
        )
        answers = self._send(queue, submissions, now, request.traceparent)
        if isinstance(submitted, Submission):
            return _answer_one(answers[0])
        return _answer_all(answers)

    def _queue(self, request: Request) -> Queue:
        name = request.path_parameters.get("queue", "")
        queue = self.topology.queue(name)
        if queue is None:
            raise Problem(HTTPStatus.NOT_FOUND, f"No queue is called {excerpt(name)}.")
        if queue.internal:
            raise Problem(
                HTTPStatus.FORBIDDEN, f"The queue {name} is internal: only the pipeline itself sends to it."
            )
        return queue

    def cancel(self, request: Request) -> Response:
        """Take back the message that waits under a key for its first attempt."""
        require_bearer(request, self.tokens())
        queue = self._queue(request)
        key = request.path_parameters.get("key", "")
        if not self.producer(queue).cancel(key):
            raise Problem(
                HTTPStatus.NOT_FOUND,
                f"Nothing waits for its first attempt under the key {excerpt(key)}: it is unknown, on the "
                "queue already, or its delay of up to 15 minutes is SQS's own.",
            )
        self.log(Action.CANCELLED, queue=queue.name, idempotency_key=key, traceparent=request.traceparent)
        return Response(status=HTTPStatus.NO_CONTENT)

    def _send(
        self, queue: Queue, submissions: Sequence[Submission], now: datetime, traceparent: str
    ) -> list[Answer]:
        """Send them, those of one delay together; answers come in the order of the input."""
        by_delay: dict[timedelta, dict[int, Outgoing]] = defaultdict(dict)
        for index, submission in enumerate(submissions):
            by_delay[submission.delay(now)][index] = submission.outgoing(queue, traceparent=traceparent)
        producer = self.producer(queue)
        answers: dict[int, Answer] = {}
        for delay, outgoings in by_delay.items():
            try:
                sent = producer.send_batch(list(outgoings.values()), delay=delay)
            except InvalidMessage as error:
                raise bad_request(f"{error}.") from error
            answers |= zip(outgoings, sent, strict=True)
        return [answers[index] for index in range(len(submissions))]


def _answer_one(answer: Answer) -> Response:
    if isinstance(answer, Unavailable):
        raise answer
    return Response(status=HTTPStatus.ACCEPTED, body=_told(answer))


def _answer_all(answers: Sequence[Answer]) -> Response:
    messages = [_told(answer) for answer in answers]
    refused = [answer for answer in answers if isinstance(answer, Unavailable)]
    if refused:
        raise unavailable(
            f"{len(refused)} of {len(answers)} messages can't be made durable now. Send those again.",
            members={"messages": messages},
        ) from refused[0]
    return Response(status=HTTPStatus.ACCEPTED, body={"messages": messages})


def _told(answer: Answer) -> dict[str, Any]:
    if isinstance(answer, Unavailable):
        return {"error": "unavailable"}
    told: dict[str, Any] = {"messageId": answer.message_id}
    return {**told, "duplicate": True} if answer.duplicate else told
