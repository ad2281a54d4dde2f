"""Payloads: from a message's bytes to the type that its queue declares, and back."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from headworks.errors import InvalidMessage, Undecodable

_encoder = msgspec.json.Encoder()


def decode_payload(data: bytes, payload: Any, *, where: str) -> Any:
    """`data` as a value of the declared type, any that `headworks.queue.Queue` names.

    Raises `Undecodable`, saying where in the payload the type and the data part.
    """
    if payload is bytes:
        return data
    try:
        if _is_pydantic(payload):
            return payload.model_validate_json(data)
        return _decoder(payload).decode(data)
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
def _decoder(payload: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(payload)


def _is_pydantic(payload: Any) -> bool:
    return hasattr(payload, "model_validate_json")


def _name(payload: Any) -> str:
    return "JSON value" if payload is msgspec.Raw else getattr(payload, "__name__", str(payload))
