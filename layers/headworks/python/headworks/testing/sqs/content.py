"""What a message carries: its body and its attributes, as SQS checks and digests them."""

from __future__ import annotations

import base64
import re
import struct
from dataclasses import dataclass, field
from hashlib import md5, sha256
from typing import TYPE_CHECKING, Any

from headworks.testing.sqs.errors import SqsError, missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MOST_ATTRIBUTES = 10
# All that XML 1.0 allows and nothing else (SendMessage, MessageBody).
_REFUSED = re.compile("[^\u0009\u000a\u000d\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ATTRIBUTE_NAME = re.compile(r"(?!\.)(?!.*\.\.)[A-Za-z0-9_.\-]{1,256}(?<!\.)")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_STRING_TRANSPORT, _BINARY_TRANSPORT = b"\x01", b"\x02"


@dataclass(frozen=True, slots=True)
class Attribute:
    """One message attribute; the value is text, or bytes if its type is `Binary`."""

    data_type: str
    value: str | bytes

    @property
    def encoded(self) -> bytes:
        return self.value if isinstance(self.value, bytes) else self.value.encode()

    def as_sent(self) -> dict[str, Any]:
        """As boto3 shows it."""
        name = "BinaryValue" if isinstance(self.value, bytes) else "StringValue"
        return {name: self.value, "DataType": self.data_type}

    def as_record(self) -> dict[str, Any]:
        """As a Lambda record shows it."""
        value = (
            {"binaryValue": base64.b64encode(self.value).decode()}
            if isinstance(self.value, bytes)
            else {"stringValue": self.value}
        )
        return {**value, "stringListValues": [], "binaryListValues": [], "dataType": self.data_type}


@dataclass(frozen=True, slots=True)
class Content:
    """A body and its attributes.  Raises `SqsError` for what SQS doesn't take."""

    body: str
    attributes: Mapping[str, Attribute] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.body:
            raise missing("MessageBody")
        if _REFUSED.search(self.body):
            raise SqsError("InvalidMessageContents", "The message has characters outside the allowed set.")
        if len(self.attributes) > MOST_ATTRIBUTES:
            raise SqsError(
                "InvalidParameterValue",
                f"Number of message attributes [{len(self.attributes)}] exceeds the allowed maximum [{MOST_ATTRIBUTES}].",
            )

    @property
    def size(self) -> int:
        """Bytes, with those of the attributes' names, types and values."""
        return len(self.body.encode()) + sum(
            len(name.encode()) + len(attribute.data_type.encode()) + len(attribute.encoded)
            for name, attribute in self.attributes.items()
        )

    @property
    def body_md5(self) -> str:
        return md5(self.body.encode(), usedforsecurity=False).hexdigest()

    @property
    def body_sha256(self) -> str:
        """The deduplication id of a queue that makes it from content; attributes don't count."""
        return sha256(self.body.encode()).hexdigest()


def attributes_md5(attributes: Mapping[str, Attribute]) -> str:
    """SQS's digest of attributes (SQS Developer Guide, "Calculating the MD5 message digest for message attributes")."""
    digest = md5(usedforsecurity=False)
    for name in sorted(attributes):
        attribute = attributes[name]
        is_binary = isinstance(attribute.value, bytes)
        digest.update(_with_length(name.encode()) + _with_length(attribute.data_type.encode()))
        digest.update(_BINARY_TRANSPORT if is_binary else _STRING_TRANSPORT)
        digest.update(_with_length(attribute.encoded))
    return digest.hexdigest()


def read_attributes(sent: Mapping[str, Mapping[str, Any]]) -> dict[str, Attribute]:
    """Attributes as boto3 sends them.  Raises `SqsError`."""
    return {name: _read_attribute(name, fields) for name, fields in sent.items()}


def chosen_attributes(attributes: Mapping[str, Attribute], names: Iterable[str]) -> dict[str, Attribute]:
    """Those that a receive asks for by `MessageAttributeNames`: a name, `prefix.*`, `All` or `.*`."""
    patterns = list(names)
    if "All" in patterns or ".*" in patterns:
        return dict(attributes)
    prefixes = tuple(pattern[:-2] for pattern in patterns if pattern.endswith(".*"))
    return {
        name: attribute
        for name, attribute in attributes.items()
        if name in patterns or (prefixes and name.startswith(prefixes))
    }


def _read_attribute(name: str, fields: Mapping[str, Any]) -> Attribute:
    if not _ATTRIBUTE_NAME.fullmatch(name) or name.lower().startswith(("aws.", "amazon.")):
        raise _refused(name, "has a name that SQS doesn't allow")
    data_type = fields.get("DataType", "")
    kind = data_type.partition(".")[0]
    if kind not in ("String", "Number", "Binary"):
        raise _refused(name, "has an invalid type: String, Number or Binary, with a label behind a dot")
    value = fields.get("BinaryValue" if kind == "Binary" else "StringValue")
    if not value:
        raise _refused(name, f"must contain a non-empty value of type '{kind}'")
    if isinstance(value, str) and _REFUSED.search(value):
        raise _refused(name, "has characters outside the allowed set")
    if kind == "Number" and not _NUMBER.fullmatch(value):
        raise _refused(name, "isn't a number")
    return Attribute(data_type, value.encode() if kind == "Binary" and isinstance(value, str) else value)


def _refused(name: str, why: str) -> SqsError:
    return SqsError("InvalidParameterValue", f"Message (user) attribute '{name}' {why}.")


def _with_length(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value
