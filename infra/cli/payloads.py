"""What a message holds, as a person reads it."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

from headworks.errors import Undecodable
from headworks.payload import decode_payload
from infra.cli.text import plain
from pipeline import TOPOLOGY

if TYPE_CHECKING:
    from rich.text import Text

    from infra.cli.answers import Message

LONGEST_MESSAGE = 8000


def shown_message(message: Message, queue: str) -> Text:
    """A message's payload for a terminal, cut where it is long; or why there is none."""
    if message.missing is not None:
        return plain(message.missing, style="yellow")
    text = message.text if message.text is not None else _payload(message, queue)
    cut = (
        f"\n... {len(text) - LONGEST_MESSAGE:,} more characters; --json has all"
        if len(text) > LONGEST_MESSAGE
        else ""
    )
    return plain(text[:LONGEST_MESSAGE] + cut, lines=True)


def payload_bytes(message: Message) -> bytes | None:
    """A payload as it is edited: JSON over several lines, or its bytes; none where nothing readable is kept."""
    if message.data is not UNSET:
        return json.dumps(message.data, indent=2, ensure_ascii=False).encode(errors="surrogatepass") + b"\n"
    if isinstance(message.data_base64, str):
        return base64.b64decode(message.data_base64)
    return None


def _payload(message: Message, queue: str) -> str:
    """Bytes of the queue's type as what they hold, where they hold text."""
    data = payload_bytes(message) or b""
    declared = next((each.payload for each in TOPOLOGY.queues if each.name == queue), Any)
    try:
        value = msgspec.to_builtins(decode_payload(data, declared, where=queue), builtin_types=(bytes,))
    except (Undecodable, TypeError):
        value = data if message.data is UNSET else message.data
    return json.dumps(_readable(value), indent=2, ensure_ascii=False)


def _readable(value: Any) -> Any:
    match value:
        case bytes():
            return _content(value)
        case dict():
            return {str(name): _readable(each) for name, each in value.items()}
        case list() | tuple():
            return [_readable(each) for each in value]
    return value


def _content(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return content.decode(errors="backslashreplace")
