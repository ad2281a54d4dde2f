"""Receipt handles: each receive of a message has one of its own."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from headworks.testing.sqs.errors import SqsError


@dataclass(frozen=True, slots=True)
class Receipt:
    """Which receive of which of a queue's messages."""

    queue: str
    key: int
    receive: int

    @property
    def handle(self) -> str:
        """As SQS hands it out: opaque."""
        return base64.urlsafe_b64encode(f"{self.queue} {self.key} {self.receive}".encode()).decode()


def read_receipt(handle: str, queue: str) -> Receipt:
    """The receipt behind a handle of this queue.  Raises `SqsError`."""
    try:
        name, key, receive = base64.urlsafe_b64decode(handle.encode()).decode().split(" ")
        receipt = Receipt(name, int(key), int(receive))
    except (binascii.Error, ValueError):
        receipt = None
    if receipt is None or receipt.queue != queue:
        raise SqsError(
            "ReceiptHandleIsInvalid", f'The input receipt handle "{handle}" is not a valid receipt handle.'
        )
    return receipt
