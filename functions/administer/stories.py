"""Items whole, with the messages that are kept of them."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from administer.documents.messages import (
    BinaryMessage,
    Edited,
    Failure,
    FullItem,
    JsonMessage,
    Message,
    Missing,
    Replayed,
    Unread,
    header,
)
from administer.nesting import is_too_deep
from headworks.errors import MissingObject, Undecodable
from headworks.letters import open_letter
from headworks.message import is_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from headworks.claim_check import ClaimCheck
    from headworks.ledger.catalogue import Story
    from headworks.ledger.ledger import Letter
    from headworks.message import Message as Opened
    from headworks.queue import Queue

# Of the 6 MB that a function's answer may have.
MOST_BYTES_SHOWN = 5 * 1024 * 1024


@dataclass(slots=True, kw_only=True)
class Stories:
    """Tells the stories of one answer, which has room for so many bytes of messages."""

    claim_check: Callable[[Queue], ClaimCheck | None]
    room: int = field(default=MOST_BYTES_SHOWN)

    def tell(self, story: Story, queue: Queue) -> FullItem:
        """An item whole.  Raises `Unavailable`."""
        edited = story.edited
        return FullItem(
            **header(story.listed),
            lease_ends=story.lease_ends,
            due=story.due,
            sent_at=story.letter.sent_at if story.letter else None,
            history=[Failure.of(each) for each in story.history],
            message=self._message(story.letter, queue),
            original=self._message(story.original, queue),
            edited=None if edited is None else Edited(at=edited.at, by=edited.by),
            replayed=[Replayed.of(each) for each in story.replayed],
        )

    def _message(self, letter: Letter | None, queue: Queue) -> Message | None:
        if letter is None:
            return None
        try:
            opened = open_letter(self.claim_check(queue), letter, queue)
        except (MissingObject, Undecodable) as error:
            return Missing(missing=str(error))
        message = Unread(text=_writable(opened)) if isinstance(opened, str) else _content(opened)
        # As Lambda hands it on: a body is a string, whose quotes and backslashes are escaped once more.
        size = len(json.dumps(message.model_dump_json(), ensure_ascii=False).encode())
        if size > self.room:
            return Missing(missing=f"its {size:,} bytes are more than this answer has room for")
        self.room -= size
        return message


def _content(message: Opened[bytes]) -> Message:
    about: dict[str, Any] = {
        "time": message.time,
        "subject": message.subject,
        "data_content_type": message.data_content_type,
        "traceparent": message.traceparent,
        "expires_at": message.expires_at,
    }
    if is_json(message.data_content_type):
        try:
            data = msgspec.json.decode(message.data)
        except (ValueError, RecursionError):
            pass  # it says that it is JSON, and isn't: its bytes are what it is
        else:
            if not is_too_deep(data):
                return JsonMessage(**about, data=data)
    return BinaryMessage(**about, data_base64=base64.b64encode(message.data).decode())


def _writable(text: str) -> str:
    # Half a surrogate pair can be in a body, and in no output that we write.
    return text.encode("utf-8", "replace").decode()
