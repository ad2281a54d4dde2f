"""Payloads: from a message's bytes to the type that its queue declares, and back."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from headworks.errors import InvalidMessage, Undecodable

if TYPE_CHECKING:
    from collections.abc import Callable

_encoder = msgspec.json.Encoder()


def decode_payload(data: bytes, payload: Any, *, where: str) -> Any:
    """`data` as a value of the declared type, any that `headworks.queue.Queue` names.

    Raises `Undecodable`, saying where in the payload the type and the data part.
    """
    try:
        return _reader(payload)(data)
    except (ValueError, msgspec.MsgspecError, RecursionError) as error:
        raise Undecodable(where, f"not a {_name(payload)}: {error}") from error


def encode_payload(value: Any) -> bytes:
    """The JSON of a payload; bytes are taken as JSON already."""
    if isinstance(value, bytes):
        return value
    if _is_pydantic(type(value)):
        return str(value.model_dump_json()).encode()
    try:
        return _encoder.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidMessage(f"a {_name(type(value))} can't be written as JSON: {error}") from error


@lru_cache(maxsize=256)
def _reader(payload: Any) -> Callable[[bytes], Any]:
    """What makes a payload of bytes."""
    if payload is bytes:
        return _as_it_is
    if _is_pydantic(payload):
        validate: Callable[[bytes], Any] = payload.model_validate_json
        return validate
    return msgspec.json.Decoder(payload).decode


def _as_it_is(data: bytes) -> bytes:
    return data


def _is_pydantic(payload: Any) -> bool:
    return hasattr(payload, "model_validate_json")


def _name(payload: Any) -> str:
    return "JSON value" if payload is msgspec.Raw else getattr(payload, "__name__", str(payload))
