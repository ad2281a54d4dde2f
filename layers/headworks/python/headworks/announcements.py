"""Telling somebody of each new dead letter: a message to the queue that its own one names.

Sent after the letter is kept and before its delivery is settled.  Where it can't be sent the message stays on its
queue, and the next copy that finds it dead tells of it: at least once, and under one key for each death.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from headworks.outcome import Fault
from headworks.producer import Outgoing

if TYPE_CHECKING:
    from headworks.ledger.catalogue import Address, Catalogue, Listed
    from headworks.ledger.ledger import Entry
    from headworks.producer import Producer

TYPE = "headworks.dead_letter"


class Announcement(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter, as whoever is told of it gets it.

    `reason` and `fault` are those of `headworks.outcome`; the error is the last one, cut short, and
    empty where there was none.  `attempt` counts the attempts that were started.
    """

    queue: str
    consumer: str
    message_id: str
    key: str
    reason: str
    error_type: str
    error: str
    fault: str
    type: str
    source: str
    died_at: datetime
    attempt: int
    ordering_key: str | None = None
    tenant: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcer:
    """Tells of one consumer's dead letters."""

    address: Address
    catalogue: Catalogue
    producer: Producer

    def announce(self, entry: Entry) -> None:
        """Tell of a key that is dead; nothing is told of one that isn't any more.  Raises `Unavailable`."""
        listed = self.catalogue.item(self.address, entry.key)
        if listed is None or listed.reason is None or listed.at is None:
            return
        self.producer.send(
            Outgoing(
                data=_announcement(listed, died_at=listed.at),
                type=TYPE,
                source=f"{self.address.queue}/{self.address.consumer}",
                idempotency_key=_key(listed, died_at=listed.at),
            )
        )


def _announcement(listed: Listed, *, died_at: datetime) -> Announcement:
    entry = listed.entry
    return Announcement(
        queue=listed.address.queue,
        consumer=listed.address.consumer,
        message_id=entry.message_id,
        key=entry.key,
        reason=str(listed.reason),
        error_type=listed.error_type,
        error=listed.error,
        fault=listed.fault or Fault.PIPELINE,
        type=entry.type,
        source=entry.source,
        died_at=died_at,
        attempt=listed.attempt,
        ordering_key=entry.ordering_key,
        tenant=entry.tenant,
    )


def _key(listed: Listed, *, died_at: datetime) -> str:
    """One key for each death: what was put back and dies again is told of anew."""
    moment = (died_at - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1)
    parts = [*listed.address, listed.entry.key, moment]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
