"""Fingerprints of keys: the bits by which the edge's memory of a message is found from its key and from its id alike.

A message's id is a UUID of version 7, whose 74 free bits are random for a message without a key of its own.
With one they are the key's, so that the id leads to what the edge remembers, without an index or a write for that.
"""

from __future__ import annotations

import hashlib
import os
import re
from datetime import UTC, datetime, timedelta
from json.encoder import encode_basestring_ascii

BITS = 74
_LOW_BITS = 62
_LOW = (1 << _LOW_BITS) - 1
# The version, 7, and the variant, 2.
_FRAME = 7 << 76 | 2 << _LOW_BITS
# RFC 9562: 48 bits of time, the version, 12 free bits, the variant, 62 free bits.
_MESSAGE_ID = re.compile(r"msg_([0-9a-f]{12})7([0-9a-f]{3})([89ab][0-9a-f]{15})")


def fingerprint(queue: str, key: str) -> int:
    """The fingerprint of a sender's idempotency key in a queue."""
    # The JSON of both, written without what makes `json.dumps` ten times as slow.
    pair = f"[{encode_basestring_ascii(queue)}, {encode_basestring_ascii(key)}]"
    digest = hashlib.sha256(pair.encode()).digest()
    return int.from_bytes(digest[:10], "big") >> (80 - BITS)


def new_message_id(now: datetime, bits: int | None = None) -> str:
    """An id that sorts by time: a UUID of version 7 (RFC 9562) behind `msg_`, made of these bits or of random ones."""
    milliseconds = int(now.timestamp() * 1000)
    free = int.from_bytes(os.urandom(10), "big") >> (80 - BITS) if bits is None else bits
    identity = milliseconds << 80 | _FRAME | free >> _LOW_BITS << 64 | free & _LOW
    return "msg_" + identity.to_bytes(16).hex()


def bits_of(message_id: str) -> int | None:
    """The free bits of an id of ours: its key's fingerprint, if it came with one."""
    found = _MESSAGE_ID.fullmatch(message_id)
    if found is None:
        return None
    return int(found[2], 16) << _LOW_BITS | int(found[3], 16) & _LOW


def made_at(message_id: str) -> datetime | None:
    """When an id of ours was made."""
    found = _MESSAGE_ID.fullmatch(message_id)
    if found is None:
        return None
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=int(found[1], 16))
