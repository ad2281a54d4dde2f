"""The message: a CloudEvents 1.0 JSON event on its way through a queue."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from random import getrandbits
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

import msgspec

from headworks.errors import InvalidMessage, Undecodable, excerpt
from headworks.fingerprint import fingerprint, new_message_id

if TYPE_CHECKING:
    from headworks.clock import Clock

T = TypeVar("T")
D = TypeVar("D")

JSON_TYPE = "application/json"

# Keys of DynamoDB items hold 2 KiB, with the queue's name beside them.
LONGEST_NAME_BYTES = 1024

_HALF_A_SURROGATE_PAIR = re.compile("[\ud800-\udfff]")

# SQS refuses a body with these two, which JSON allows: they travel as escapes.
_REFUSED_BY_SQS = {"\ufffe": "\\ufffe", "\uffff": "\\uffff"}


class Message(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """An event on its way.

    `data` is the payload: bytes until a consumer asks for its type, then a value of that
    type.  `id` is the message's identity in logs and admin and stays the same for its whole
    life; `idempotency_key` says which effect it stands for: same key, one effect.
    `ordering_key` is what a FIFO queue keeps in order by, `tenant` what a standard queue
    shares fairly between.  Past `expires_at` the message is dead, not processed.
    `data_ref` names the object that holds the payload when it was too large to travel along.
    """

    id: str
    source: str
    type: str
    data: T
    time: datetime
    idempotency_key: str
    subject: str | None = None
    data_content_type: str = JSON_TYPE
    data_ref: str | None = None
    ordering_key: str | None = None
    tenant: str | None = None
    traceparent: str | None = None
    expires_at: datetime | None = None

    def __hash__(self) -> int:
        # The payload may be a dict, and a message is a key all the same.
        return hash(self.id)

    def with_data(self, data: D) -> Message[D]:
        """The same message around another form of its payload."""
        other: Any = msgspec.structs.replace(self, data=data)
        return cast("Message[D]", other)

    def is_expired(self, now: datetime) -> bool:
        """Whether `now` is past the message's expiry, if it has one."""
        return self.expires_at is not None and now >= self.expires_at


class _Wire(msgspec.Struct, kw_only=True, omit_defaults=True):
    """The message as CloudEvents JSON spells it; the attributes that aren't CloudEvents' own are extensions.

    Sources: CloudEvents 1.0.2 JSON format; extensions partitioning, distributed tracing,
    expirytime and dataref of the same project.
    """

    specversion: str
    id: str
    source: str
    type: str
    time: datetime | None = None
    subject: str | None = None
    datacontenttype: str | None = None
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    data_base64: bytes | None = None
    dataref: str | None = None
    idempotencykey: str | None = None
    partitionkey: str | None = None
    tenant: str | None = None
    traceparent: str | None = None
    expirytime: datetime | None = None
    # SNS' own, whose notifications aren't CloudEvents.
    kind: Any = msgspec.field(default=None, name="Type")


class _Probe(msgspec.Struct, rename={"kind": "Type", "topic": "TopicArn", "inner": "Message"}):
    """Just enough of a body to tell what it is: a CloudEvent, a notification of SNS, or neither."""

    specversion: str | None = None
    kind: Any = None
    topic: Any = None
    inner: Any = None

    @property
    def is_sns(self) -> bool:
        return self.kind == "Notification" and isinstance(self.topic, str) and isinstance(self.inner, str)


_probe = msgspec.json.Decoder(_Probe)
_decoder = msgspec.json.Decoder(_Wire)
_encoder = msgspec.json.Encoder()


def new_message(
    data: bytes,
    *,
    source: str,
    type: str,  # noqa: A002 - CloudEvents' own name
    clock: Clock,
    queue: str | None = None,
    idempotency_key: str | None = None,
    subject: str | None = None,
    data_content_type: str = JSON_TYPE,
    ordering_key: str | None = None,
    tenant: str | None = None,
    traceparent: str | None = None,
    expires_at: datetime | None = None,
) -> Message[bytes]:
    """A message that starts its life now, with an id of its own and a trace if it brings none.

    Where both are known, its id holds the fingerprint of its key in the queue.
    """
    now = clock.now()
    is_keyed = queue is not None and idempotency_key is not None
    identity = new_message_id(now, fingerprint(str(queue), str(idempotency_key)) if is_keyed else None)
    return Message(
        id=identity,
        source=_checked("source", source),
        type=_checked("type", type),
        data=data,
        time=now,
        idempotency_key=_checked("idempotency key", identity if idempotency_key is None else idempotency_key),
        subject=_checked_if_any("subject", subject),
        data_content_type=data_content_type,
        ordering_key=_checked_if_any("ordering key", ordering_key),
        tenant=_checked_if_any("tenant", tenant),
        traceparent=traceparent or new_traceparent(),
        expires_at=expires_at,
    )


def new_traceparent() -> str:
    """The start of a trace, sampled (W3C Trace Context)."""
    # As random as a trace must be, without a system call each; a forked process draws others.
    drawn = getrandbits(192).to_bytes(24).hex()
    return f"00-{drawn[:32]}-{drawn[32:]}-01"


def encode(message: Message[bytes]) -> str:
    """The message as the text that a transport carries.

    JSON data goes in as it is, byte for byte; anything else as base64.
    """
    as_json = is_json(message.data_content_type)
    inline = message.data_ref is None
    wire = _Wire(
        specversion="1.0",
        id=message.id,
        source=message.source,
        type=message.type,
        time=message.time,
        subject=message.subject,
        datacontenttype=message.data_content_type,
        data=msgspec.Raw(_checked_json(message)) if inline and as_json else msgspec.UNSET,
        data_base64=message.data if inline and not as_json else None,
        dataref=message.data_ref,
        idempotencykey=message.idempotency_key,
        partitionkey=message.ordering_key,
        tenant=message.tenant,
        traceparent=message.traceparent,
        expirytime=message.expires_at,
    )
    return _without_refused_characters(_encoder.encode(wire).decode())


def decode(body: str | bytes, *, carrier: Carries, key_path: str | None = None) -> Message[bytes]:
    """Whatever a queue holds, as a message.

    A body with `specversion` is a CloudEvent.  Any other body is the payload itself, as an
    AWS service or a person sent it: its id and time are the transport's, its source the
    queue, and its idempotency key what stands at `key_path`, a dotted path, or that id.
    What SNS wraps around either is taken off.  Raises `Undecodable` for a CloudEvent that isn't one.
    """
    content = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
    if (usual := _usual(content)) is not None:
        return _from_wire(usual, carrier)
    probe = _look_at(content)
    if probe.is_sns:
        content = str(probe.inner).encode("utf-8", "surrogatepass")
        probe = _look_at(content)
    if probe.specversion is None:
        return _bare(content, carrier, key_path)
    try:
        wire = _decoder.decode(content)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise Undecodable(carrier.queue, f"not a CloudEvent: {error}") from error
    if not wire.specversion.startswith("1."):
        raise Undecodable(carrier.queue, f"CloudEvents {excerpt(wire.specversion)} is not supported: 1.0 is")
    if not (wire.id and wire.source and wire.type):
        raise Undecodable(carrier.queue, "not a CloudEvent: id, source and type must not be empty")
    return _from_wire(wire, carrier)


def _usual(content: bytes) -> _Wire | None:
    """A CloudEvent in the form that nearly all have, read in one go; none where it has to be looked at."""
    try:
        wire = _decoder.decode(content)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    is_usual = wire.specversion == "1.0" and wire.id and wire.source and wire.type and wire.kind is None
    return wire if is_usual else None


class Carries(Protocol):
    """What the transport itself knows of a body: names for one that brings none."""

    @property
    def queue(self) -> str:
        """The queue that it came from."""

    @property
    def id(self) -> str:
        """The transport's name for the message."""

    @property
    def sent_at(self) -> datetime:
        """When it was first put on the queue."""

    @property
    def ordering_key(self) -> str | None:
        """What it was kept in order by."""


class Carrier(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a body, as values."""

    queue: str
    id: str
    sent_at: datetime
    ordering_key: str | None = None


def _from_wire(wire: _Wire, carrier: Carries) -> Message[bytes]:
    if isinstance(wire.data, msgspec.UnsetType):
        data = wire.data_base64 or b""
        content_type = wire.datacontenttype or JSON_TYPE
    else:
        data = bytes(wire.data)
        content_type = wire.datacontenttype or JSON_TYPE
        if not is_json(content_type) and data.startswith(b'"'):
            data = msgspec.json.decode(data, type=str).encode()
    return Message(
        id=wire.id,
        source=wire.source,
        type=wire.type,
        data=data,
        time=_aware(wire.time) or carrier.sent_at,
        idempotency_key=wire.idempotencykey or wire.id,
        subject=wire.subject,
        data_content_type=content_type,
        data_ref=wire.dataref,
        ordering_key=wire.partitionkey or carrier.ordering_key,
        tenant=wire.tenant,
        traceparent=wire.traceparent or new_traceparent(),
        expires_at=_aware(wire.expirytime),
    )


def _bare(content: bytes, carrier: Carries, key_path: str | None) -> Message[bytes]:
    key = None if key_path is None else value_at(content, key_path)
    return Message(
        id=carrier.id,
        source=carrier.queue,
        type="message",
        data=content,
        time=carrier.sent_at,
        idempotency_key=key or carrier.id,
        ordering_key=carrier.ordering_key,
        traceparent=new_traceparent(),
    )


def value_at(content: bytes, path: str) -> str | None:
    """The text or whole number at a dotted path in a JSON body, as text; none if there is nothing of the kind."""
    try:
        value = msgspec.json.decode(content)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return str(value)


def _look_at(content: bytes) -> _Probe:
    try:
        return _probe.decode(content)
    except msgspec.ValidationError as error:
        # A specversion that isn't a string is still somebody's attempt at a CloudEvent.
        return _Probe(specversion="?" if "$.specversion" in str(error) else None)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return _Probe()


def is_json(content_type: str) -> bool:
    """Whether data of this media type stands in the message as JSON."""
    if content_type == JSON_TYPE:
        return True
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == JSON_TYPE or media_type.endswith("+json")


def _checked_json(message: Message[bytes]) -> bytes:
    try:
        msgspec.json.decode(message.data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidMessage(
            f"{message.id}: data isn't the {message.data_content_type} it says: {error}"
        ) from error
    return message.data


def _without_refused_characters(text: str) -> str:
    if text.isascii():
        return text
    # Both can only stand inside a JSON string, so the escape means the same.
    for character, escape in _REFUSED_BY_SQS.items():
        text = text.replace(character, escape)
    return text


def _checked(name: str, value: str) -> str:
    if not value or value != value.strip():
        raise InvalidMessage(f"the {name} {excerpt(value)} is empty or has blanks around it")
    if value.isascii() and len(value) <= LONGEST_NAME_BYTES:
        return value
    if len(value.encode("utf-8", "replace")) > LONGEST_NAME_BYTES:
        raise InvalidMessage(f"the {name} {excerpt(value)} is over {LONGEST_NAME_BYTES} bytes")
    if _HALF_A_SURROGATE_PAIR.search(value):
        raise InvalidMessage(
            f"the {name} {excerpt(value)} holds half a surrogate pair, which UTF-8 can't write"
        )
    return value


def _checked_if_any(name: str, value: str | None) -> str | None:
    return None if value is None else _checked(name, value)


def _aware(time: datetime | None) -> datetime | None:
    return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time
