"""What a producer submits: messages with CloudEvents' attributes, all checked before any is sent."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from headworks.errors import Undecodable, excerpt
from headworks.http_api import bad_request
from headworks.message import LONGEST_NAME_BYTES
from headworks.payload import decode_payload
from headworks.producer import Outgoing
from headworks.queue import LONGEST_DELAY

if TYPE_CHECKING:
    from headworks.http_api import Request
    from headworks.queue import Queue

MOST_MESSAGES = 100
MAX_DELAY_SECONDS = int(LONGEST_DELAY.total_seconds())
DEFAULT_TYPE = "message"
KEY_HEADER = "idempotency-key"

_NAMES = ("type", "source", "subject", "idempotencykey", "partitionkey", "tenant")
_ESCAPED = re.compile(r'\\(["\\])')


class Submission(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One message as it is submitted.

    `data` stays the JSON that came.  Unless they are given, `type` is `message` and `source`
    the path that it was posted to.  `delayseconds` or `deliverat` says how long it waits.
    """

    data: msgspec.Raw
    type: str = DEFAULT_TYPE
    source: str | None = None
    subject: str | None = None
    idempotencykey: str | None = None
    partitionkey: str | None = None
    tenant: str | None = None
    expirytime: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    delayseconds: int = 0
    deliverat: Annotated[datetime, msgspec.Meta(tz=True)] | None = None

    def delay(self, now: datetime) -> timedelta:
        """How long it is kept back; a time that is over is now."""
        if self.deliverat is None:
            return timedelta(seconds=self.delayseconds)
        return max(self.deliverat - now, timedelta(0))

    def outgoing(self, queue: Queue, *, traceparent: str) -> Outgoing:
        """The message as the producer takes it."""
        return Outgoing(
            data=bytes(self.data),
            type=self.type,
            source=self.source or f"/queues/{queue.name}",
            subject=self.subject,
            idempotency_key=self.idempotencykey,
            ordering_key=self.partitionkey,
            tenant=self.tenant,
            expires_at=self.expirytime,
            traceparent=traceparent,
        )


_decoder = msgspec.json.Decoder(Submission | list[Submission])


def read_submissions(request: Request, queue: Queue, *, now: datetime) -> Submission | list[Submission]:
    """The message in a request, or the array of them, each fit for this queue.

    Raises `Problem` 400 that says which message isn't, by its JSON path, and why.
    """
    submitted = _parse(request.body)
    key = _header_key(request)
    if isinstance(submitted, Submission):
        submitted = submitted if key is None else _with_key(submitted, key)
        _check(submitted, queue, path="$", now=now)
        return submitted
    if key is not None:
        raise bad_request(
            "The header Idempotency-Key is for one message; in an array give each its idempotencykey."
        )
    if not 1 <= len(submitted) <= MOST_MESSAGES:
        raise bad_request(f"An array holds 1 to {MOST_MESSAGES} messages; this one holds {len(submitted)}.")
    for index, submission in enumerate(submitted):
        _check(submission, queue, path=f"$[{index}]", now=now)
    return submitted


def _parse(body: bytes) -> Submission | list[Submission]:
    if not body:
        raise bad_request("The body is empty.")
    try:
        submitted: Submission | list[Submission] = _decoder.decode(body)
    except (ValueError, RecursionError) as error:
        raise bad_request(f"The body isn't a message or an array of messages: {error}") from error
    return submitted


def _header_key(request: Request) -> str | None:
    """The key in `Idempotency-Key`: a string in quotes (draft-ietf-httpapi-idempotency-key-header), or bare."""
    value = request.headers.get(KEY_HEADER)
    if value is None:
        return None
    value = value.strip()
    if len(value) > 1 and value[0] == value[-1] == '"':
        value = _ESCAPED.sub(r"\1", value[1:-1])
    if not value:
        raise bad_request("The header Idempotency-Key is empty.")
    return value


def _with_key(submission: Submission, key: str) -> Submission:
    if submission.idempotencykey not in (None, key):
        raise bad_request("The header Idempotency-Key and idempotencykey in the body give different keys.")
    return msgspec.structs.replace(submission, idempotencykey=key)


def _check(submission: Submission, queue: Queue, *, path: str, now: datetime) -> None:
    for name in _NAMES:
        _check_name(getattr(submission, name), f"{path}.{name}")
    _check_delay(submission, path=path, now=now)
    if queue.fifo and submission.partitionkey is None:
        raise bad_request(f"{path}.partitionkey is missing: the queue {queue.name} is ordered by it.")
    _check_data(bytes(submission.data), queue, path=f"{path}.data")


def _check_delay(submission: Submission, *, path: str, now: datetime) -> None:
    if not 0 <= submission.delayseconds <= MAX_DELAY_SECONDS:
        raise bad_request(f"{path}.delayseconds is outside 0 to {MAX_DELAY_SECONDS:,}, a year.")
    if submission.deliverat is not None and submission.delayseconds:
        raise bad_request(f"{path} has both delayseconds and deliverat: give one of them.")
    delay = submission.delay(now)
    if delay > LONGEST_DELAY:
        raise bad_request(f"{path}.deliverat is more than a year ahead.")
    if delay and submission.expirytime is not None and submission.expirytime <= now + delay:
        raise bad_request(f"{path}.expirytime is over when the message's delay is: it would have expired.")


def _check_name(value: str | None, path: str) -> None:
    if value is None:
        return
    if not value or value != value.strip() or len(value.encode()) > LONGEST_NAME_BYTES:
        raise bad_request(
            f"{path}: {excerpt(value)} is empty, has blanks around it or is over {LONGEST_NAME_BYTES} bytes."
        )


def _check_data(data: bytes, queue: Queue, *, path: str) -> None:
    try:
        # A payload type may skip over what no parser can read; the queue carries JSON only.
        decode_payload(data, Any, where=path)
        decode_payload(data, queue.payload, where=path)
    except Undecodable as error:
        raise bad_request(str(error)) from error
