"""What a consumer was handed, and what it says became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from headworks.brokers.redis.past import Past, past_of, sent_at_of

if TYPE_CHECKING:
    from datetime import datetime

# Deliveries of a message before one that ends without an outcome is its own fault: the first
# may have died of a neighbour, the second is alone.
INNOCENT_DELIVERIES = 2


class Received(msgspec.Struct, frozen=True, gc=False):
    """One delivery: a lease of (entry, consumer, count), and the message.

    It isn't started after `deadline`, by the process's own monotonic clock, unless it was kept alive.  Of a run, the
    messages share the entry: `position` is a member's place in it, `run` their number.  Of one
    that is `kept`, a ledger says whether and as what it runs; `finished` says that a copy of it has.
    """

    entry: bytes
    count: int
    message_id: str
    body: bytes
    deadline: float
    ordering_key: str | None = None
    state: bytes = b""
    resent: bool = False
    position: int = 0
    run: int = 1
    kept: bool = False
    finished: bool = False

    @property
    def name(self) -> str:
        """What to call the message where it doesn't name itself."""
        return self.message_id

    @property
    def receive_count(self) -> int:
        """How often it was handed out since it was last put into the stream."""
        return self.count

    @property
    def is_suspect(self) -> bool:
        """Whether a delivery before this one ended without an outcome: it comes alone."""
        return self.count > 1

    @property
    def crashes(self) -> int:
        """How many deliveries of it ended without an outcome while it was alone."""
        return max(self.count - INNOCENT_DELIVERIES, 0)

    @property
    def past(self) -> Past:
        """What was tried before."""
        return past_of(self.state)

    @property
    def sent_at(self) -> datetime:
        """When the message was first put on the queue."""
        return self.past.sent_at or sent_at_of(self.entry)


class Finished(msgspec.Struct, frozen=True, gc=False):
    """Its effect has happened."""

    received: Received


class Waits(msgspec.Struct, frozen=True, gc=False):
    """It comes back after `milliseconds` with this past; `failed` says whether an attempt was made."""

    received: Received
    milliseconds: int
    past: Past
    failed: bool = True


class Gone(msgspec.Struct, frozen=True, gc=False):
    """Nothing is to be done any more: another ledger has it, or `letter` (JSON) goes to the dead stream with it."""

    received: Received
    letter: bytes = b""


Verdict = Finished | Waits | Gone


class Fetched(msgspec.Struct, frozen=True, gc=False):
    """What a fetch brought.

    `suspects` wait for a consumer that is idle; `paused` says that nothing is handed out now.
    """

    deliveries: tuple[Received, ...] = ()
    suspects: int = 0
    paused: bool = False
