"""Letters: a message as a dead or waiting item keeps it, ready to be sent again."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from headworks.errors import InvalidMessage, MissingObject, Undecodable
from headworks.ledger.ledger import Letter
from headworks.message import Carrier, decode, encode

if TYPE_CHECKING:
    from headworks.brokers.broker import Delivery
    from headworks.claim_check import ClaimCheck
    from headworks.message import Message
    from headworks.queue import Queue

# A body up to this size lies in the ledger's table; DynamoDB bills and bounds whole items.
LARGEST_INLINE_BYTES = 32 * 1024
_BYTES = "application/octet-stream"


def write_letter(
    claim_check: ClaimCheck | None, delivery: Delivery, message: Message[bytes] | None
) -> Letter:
    """What is kept of a delivery.

    A message is kept as one of ours, whatever it came as: sent again it has the same id and
    the same key.  A body that nobody could read is kept as it came.  Raises `Unavailable`.
    """
    if message is not None and claim_check is not None:
        message = claim_check.keep(message)
    body = delivery.body if message is None else _readable(message)
    large = len(body.encode("utf-8", "surrogatepass")) > LARGEST_INLINE_BYTES
    if not large or claim_check is None:
        return Letter(body=body, sent_at=delivery.sent_at, ordering_key=delivery.ordering_key)
    name = delivery.id if message is None else message.id
    return Letter(
        body="",
        body_ref=claim_check.keep_text(name, body),
        sent_at=delivery.sent_at,
        ordering_key=delivery.ordering_key,
    )


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


def _readable(message: Message[bytes]) -> str:
    try:
        return encode(message)
    except InvalidMessage:
        # Sent by hand, and no JSON: its bytes are what it is.
        return encode(msgspec.structs.replace(message, data_content_type=_BYTES))
