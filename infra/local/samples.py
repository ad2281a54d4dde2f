"""Sample events: signed as their provider would sign them, and sent."""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import msgspec
import urllib3

from headworks.webhooks.identity import UnexpectedShape, identify
from headworks.webhooks.signing import sign
from infra.local.errors import NoAnswer, NotRunning, UnusableSample
from infra.local.workspace import PROJECT
from pipeline import TOPOLOGY

if TYPE_CHECKING:
    from pathlib import Path

    from headworks.webhooks.sources import Source
    from infra.local.outputs import Outputs

SAMPLES = PROJECT / "events" / "receive_webhook"
TIMEOUT_SECONDS = 35.0
# Set by whoever sends, or by what lies between.
_OF_THE_WAY = ("host", "content-length", "connection", "transfer-encoding", "x-forwarded-", "x-amzn-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One event of a source, as it will be sent but for its signature."""

    path: Path
    source: Source
    event_id: str
    headers: dict[str, str]
    body: bytes

    def renewed(self) -> Sample:
        """The same event with an id of its own, so that it isn't taken for a repeat."""
        event_id = _like(self.event_id)
        old, new = (f'"{value}"'.encode() for value in (self.event_id, event_id))
        headers = {
            name: event_id if value == self.event_id else value for name, value in self.headers.items()
        }
        return replace(self, event_id=event_id, headers=headers, body=self.body.replace(old, new))


class Answer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the pipeline said to one event."""

    event_id: str
    status: int
    answer: Any
    duration_ms: float

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


def known_source(name: str) -> Source:
    """The source of this name.  Raises `UnusableSample`."""
    for source in TOPOLOGY.sources:
        if source.name == name:
            return source
    known = ", ".join(source.name for source in TOPOLOGY.sources)
    raise UnusableSample(f"{name} isn't a source of this pipeline; there are {known}")


def read_sample(path: Path, source: Source) -> Sample:
    """A sample from the file of an HTTP API event (payload 2.0).  Raises `UnusableSample`."""
    event = _read_event(path)
    headers = {
        name.lower(): value
        for name, value in event["headers"].items()
        if not name.lower().startswith(_OF_THE_WAY)
    }
    body = _body(path, event)
    try:
        identity = identify(source, headers, body)
    except UnexpectedShape as error:
        raise UnusableSample(f"{path} isn't an event of {source.name}: {error}") from error
    return Sample(path=path, source=source, event_id=identity.event_id, headers=headers, body=body)


def own_samples() -> list[Sample]:
    """The samples in `events/receive_webhook/` that are events of a source."""
    found = []
    for path in sorted(SAMPLES.glob("*.json")):
        parameters = _read_event(path).get("pathParameters") or {}
        try:
            found.append(read_sample(path, known_source(parameters.get("source", ""))))
        except UnusableSample:
            continue  # a sample of what must be refused
    return found


def signed(sample: Sample, secret: str, *, now: datetime) -> dict[str, str]:
    """All headers of a sample, with its signature."""
    signature = sign(sample.source.scheme, secret, sample.body, now=now, event_id=sample.event_id)
    return {**sample.headers, **signature}


def send(sample: Sample, outputs: Outputs) -> Answer:
    """Sign a sample and post it.  Raises `NotRunning`, and `NoAnswer`."""
    to = outputs.sources[sample.source.name]
    headers = signed(sample, to.secret, now=datetime.now(UTC))
    started = time.perf_counter()
    try:
        response = urllib3.request(
            "POST",
            outputs.endpoint + to.path,
            body=sample.body,
            headers=headers,
            retries=False,
            timeout=TIMEOUT_SECONDS,
        )
    except urllib3.exceptions.NewConnectionError:
        raise NotRunning from None
    except urllib3.exceptions.HTTPError as error:
        raise NoAnswer(outputs.endpoint, error) from error
    return Answer(
        event_id=sample.event_id,
        status=response.status,
        answer=_document(response.data),
        duration_ms=round((time.perf_counter() - started) * 1000, 1),
    )


def _read_event(path: Path) -> dict[str, Any]:
    try:
        event = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise UnusableSample(f"{path} can't be read: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise UnusableSample(f"{path} isn't JSON: {error}") from error
    if not isinstance(event, dict) or not isinstance(event.get("headers"), dict):
        raise UnusableSample(f"{path} isn't an HTTP API event (payload 2.0): it has no headers")
    return event


def _body(path: Path, event: dict[str, Any]) -> bytes:
    body = str(event.get("body") or "")
    try:
        return base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
    except binascii.Error as error:
        raise UnusableSample(f"{path}: the body isn't base64, as isBase64Encoded says") from error


def _like(event_id: str) -> str:
    """A new id that looks like this one: a UUID, or the same prefix before other letters."""
    try:
        UUID(event_id)
    except ValueError:
        prefix, underscore, _ = event_id.rpartition("_")
        return f"{prefix}{underscore}{secrets.token_hex(12)}"
    return str(uuid4())


def _document(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        return body.decode(errors="replace")
