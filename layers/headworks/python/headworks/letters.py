"""Letters: a message as a dead or waiting item keeps it, ready to be sent again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import uuid4

import msgspec

from headworks.errors import InvalidMessage, MissingObject, Undecodable
from headworks.ledger.ledger import Letter
from headworks.message import Carrier, decode, encode

if TYPE_CHECKING:
    from datetime import datetime

    from headworks.brokers.broker import Delivery
    from headworks.claim_check import ClaimCheck
    from headworks.message import Message
    from headworks.queue import Queue

# A body up to this size lies in the ledger's table; DynamoDB bills and bounds whole items.
LARGEST_INLINE_BYTES = 32 * 1024
_BYTES = "application/octet-stream"


def write_letter(
    claim_check: ClaimCheck | None,
    delivery: Delivery,
    message: Message[bytes] | None,
    *,
    waits: bool = False,
) -> Letter:
    """What is kept of a delivery: for good, or while it `waits`.

    A message is kept as one of ours, whatever it came as: sent again it has the same id and
    the same key.  A body that nobody could read is kept as it came.  Raises `Unavailable`.
    """
    if message is None:
        name, body = delivery.name, delivery.body
    else:
        name, body = message.id, _body(claim_check, message, waits=waits)
    letter = Letter(body=body, sent_at=delivery.sent_at, ordering_key=delivery.ordering_key)
    return _small(claim_check, name, letter, waits=waits)


def letter_to_wait(claim_check: ClaimCheck | None, message: Message[bytes]) -> Letter:
    """What is kept of a message that isn't sent yet.  Raises `Unavailable`."""
    body = _body(claim_check, message, waits=True)
    letter = Letter(body=body, sent_at=message.time, ordering_key=message.ordering_key)
    return _small(claim_check, message.id, letter, waits=True)


def changed_letter(claim_check: ClaimCheck | None, message: Message[bytes], *, sent_at: datetime) -> Letter:
    """What is kept of a message whose payload was changed: objects of its own, since its first version keeps those
    that it has.  Raises `Unavailable`.
    """
    name = f"{message.id}-{uuid4().hex}"
    kept = message if claim_check is None else claim_check.keep_payload(name, message)
    letter = Letter(body=_readable(kept), sent_at=sent_at, ordering_key=message.ordering_key)
    return _small(claim_check, name, letter, waits=False)


def whole_letter(claim_check: ClaimCheck | None, letter: Letter) -> Letter:
    """The letter with its body, wherever that lay.  Raises `MissingObject`, `Unavailable`."""
    if letter.body_ref is None:
        return letter
    if claim_check is None:
        raise MissingObject(f"{letter.body_ref} is in a bucket, and there is none here")
    return replace(letter, body=claim_check.kept_text(letter.body_ref), body_ref=None)


def open_letter(claim_check: ClaimCheck | None, letter: Letter, queue: Queue) -> Message[bytes] | str:
    """The message that a letter keeps, with its payload; or the body's text, which nobody could read.

    Raises `MissingObject`, `Unavailable`, and `Undecodable` for a payload outside of the pipeline's bucket.
    """
    whole = whole_letter(claim_check, letter)
    carrier = Carrier(queue=queue.name, id="", sent_at=letter.sent_at, ordering_key=letter.ordering_key)
    try:
        message = decode(whole.body, carrier=carrier)
    except Undecodable:
        return whole.body
    if not message.id:
        return whole.body
    return message if claim_check is None else claim_check.check_out(message)


def _body(claim_check: ClaimCheck | None, message: Message[bytes], *, waits: bool) -> str:
    return _readable(message if claim_check is None else claim_check.keep(message, waits=waits))


def _small(claim_check: ClaimCheck | None, name: str, letter: Letter, *, waits: bool) -> Letter:
    """The letter, its body in the bucket if it is too large for an item."""
    large = len(letter.body.encode("utf-8", "surrogatepass")) > LARGEST_INLINE_BYTES
    if not large or claim_check is None:
        return letter
    return replace(letter, body="", body_ref=claim_check.keep_text(name, letter.body, waits=waits))


def _readable(message: Message[bytes]) -> str:
    try:
        return encode(message)
    except InvalidMessage:
        # Sent by hand, and no JSON: its bytes are what it is.
        return encode(msgspec.structs.replace(message, data_content_type=_BYTES))
