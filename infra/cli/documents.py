"""What `--json` prints: documents whose names and meanings stay, written down in docs/operations.md."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from headworks.errors import MissingObject, Undecodable
from headworks.letters import open_letter
from headworks.message import is_json

if TYPE_CHECKING:
    from datetime import datetime

    from headworks.claim_check import ClaimCheck
    from headworks.ledger.catalogue import Listed, Page, Story
    from headworks.ledger.ledger import Failure
    from headworks.message import Message
    from headworks.queue import Queue


def page_document(page: Page) -> dict[str, Any]:
    """A page of a list."""
    return {"items": [listed_document(each) for each in page.items], "cursor": page.cursor}


def listed_document(listed: Listed) -> dict[str, Any]:
    """An item as lists show it."""
    return {
        "id": listed.entry.message_id,
        "key": listed.entry.key,
        "queue": listed.address.queue,
        "consumer": listed.address.consumer,
        "state": str(listed.state),
        "at": _time(listed.at),
        "reason": None if listed.reason is None else str(listed.reason),
        "errorType": listed.error_type or None,
        "error": listed.error or None,
        "type": listed.entry.type,
        "source": listed.entry.source,
        "orderingKey": listed.entry.ordering_key,
        "tenant": listed.entry.tenant,
        "attempt": listed.attempt,
        "crashes": listed.crashes,
    }


def story_document(story: Story, queue: Queue, claim_check: ClaimCheck | None) -> dict[str, Any]:
    """An item whole.  Raises `Unavailable`."""
    return {
        **listed_document(story.listed),
        "leaseEnds": _time(story.lease_ends),
        "sentAt": None if story.letter is None else _time(story.letter.sent_at),
        "history": [_failure_document(each) for each in story.history],
        "message": _message_document(story, queue, claim_check),
    }


def as_text(document: dict[str, Any]) -> str:
    """A document as one line of ASCII: nothing in it can steer a terminal."""
    return json.dumps(document)


def _failure_document(failure: Failure) -> dict[str, Any]:
    return {
        "attempt": failure.attempt,
        "at": _time(failure.at),
        "errorType": failure.error_type,
        "error": failure.error,
        "stack": failure.stack,
        "durationMs": failure.duration_ms,
        "version": failure.version,
        "requestId": failure.request_id,
    }


def _message_document(story: Story, queue: Queue, claim_check: ClaimCheck | None) -> dict[str, Any] | None:
    if story.letter is None:
        return None
    try:
        message = open_letter(claim_check, story.letter, queue)
    except (MissingObject, Undecodable) as error:
        return {"missing": str(error)}
    return {"text": message} if isinstance(message, str) else _content(message)


def _content(message: Message[bytes]) -> dict[str, Any]:
    document = {
        "time": _time(message.time),
        "subject": message.subject,
        "dataContentType": message.data_content_type,
        "traceparent": message.traceparent,
        "expiresAt": _time(message.expires_at),
    }
    try:
        if is_json(message.data_content_type):
            return {**document, "data": json.loads(message.data)}
    except (ValueError, RecursionError):
        pass  # it says that it is JSON, and isn't: its bytes are what it is
    return {**document, "dataBase64": base64.b64encode(message.data).decode()}


def _time(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
