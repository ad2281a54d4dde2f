"""Payloads as a person edits them: bytes that hold text are opened, and closed again afterwards.

In JSON bytes are base64.  Where the queue's type says that there are bytes, an editor shows
`{"$json": ...}` or `{"$text": "..."}` instead; what nobody touches stays as it was, byte for byte.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec

from headworks.errors import Undecodable
from headworks.payload import decode_payload
from pipeline import TOPOLOGY

JSON = "$json"
TEXT = "$text"


def opened(data: Any, queue: str) -> Any:
    """A payload's JSON with its bytes opened."""
    declared = next((each.payload for each in TOPOLOGY.queues if each.name == queue), Any)
    try:
        value = decode_payload(msgspec.json.encode(data), declared, where=queue)
        return _opened(data, msgspec.to_builtins(value, builtin_types=(bytes,)))
    except (Undecodable, TypeError, ValueError):
        return data


def closed(edited: Any, before: Any, data: Any) -> Any:
    """What was edited as the queue takes it; `before` is what was opened of `data`."""
    if json.dumps(edited) == json.dumps(before):
        return data
    match edited:
        case dict() if edited.keys() == {JSON}:
            return _base64(json.dumps(edited[JSON], ensure_ascii=False, separators=(",", ":")))
        case dict() if edited.keys() == {TEXT} and isinstance(edited[TEXT], str):
            return _base64(edited[TEXT])
        case dict():
            old, new = _members(before), _members(data)
            return {name: closed(each, old.get(name), new.get(name)) for name, each in edited.items()}
        case list():
            old, new = _members(before), _members(data)
            return [closed(each, old.get(index), new.get(index)) for index, each in enumerate(edited)]
    return edited


def _opened(data: Any, value: Any) -> Any:
    match data, value:
        case str(), bytes():
            return _content(value, data)
        case dict(), dict():
            return {name: _opened(each, value.get(name)) for name, each in data.items()}
        case list(), list() if len(data) == len(value):
            return [_opened(*each) for each in zip(data, value, strict=True)]
    return data


def _content(content: bytes, data: str) -> Any:
    try:
        return {JSON: json.loads(content)}
    except (ValueError, RecursionError):
        pass  # then it may be text
    try:
        return {TEXT: content.decode()}
    except UnicodeDecodeError:
        return data


def _members(value: Any) -> dict[Any, Any]:
    """What an object or an array holds, by name or by place; nothing of anything else."""
    match value:
        case dict():
            return value
        case list():
            return dict(enumerate(value))
    return {}


def _base64(text: str) -> str:
    return base64.b64encode(text.encode(errors="surrogatepass")).decode()
