"""The broker contract: what the library asks of a transport."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from headworks.ledger.ledger import Letter
    from headworks.message import Message
    from headworks.outcome import Outcome

NO_DELAY = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One handing of one message to one consumer.

    `id` is the transport's name for the message, `receipt` what settles this delivery of
    it.  `known_as` is what a message that doesn't name itself was called when it was sent
    before.  `receive_count` counts handings, not attempts.  `record` is the transport's own
    record, untouched.
    """

    id: str
    body: str
    receipt: str
    receive_count: int
    sent_at: datetime
    ordering_key: str | None = None
    trace_header: str | None = None
    known_as: str | None = None
    record: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What to call the message where it doesn't name itself."""
        return self.known_as or self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of one message of a send; `error` says why it isn't on the queue."""

    message_id: str
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resending:
    """A kept message that is to be sent again.

    `sending` tells this sending from others of the message: FIFO swallows a repeat of the same one.
    `names_itself` where its body tells its id; another body's id travels beside it.
    """

    name: str
    letter: Letter
    sending: str
    tenant: str | None = None
    names_itself: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """A delivery and what became of it; `message` is missing where its body couldn't be read."""

    delivery: Delivery
    outcome: Outcome
    message: Message[Any] | None = None


class Sender(Protocol):
    """The way in to one queue."""

    def send(self, messages: Sequence[Message[bytes]], *, delay: timedelta = NO_DELAY) -> list[Sent]:
        """Put messages on the queue; one answer each, in the order of the input.

        Never raises for the transport's trouble: what isn't on the queue carries an error.
        Raises `InvalidMessage`, before anything is sent, for a message that can't travel.
        """

    def cancel(self, key: str) -> bool:
        """Take back what waits on the transport for its delay, at every consumer that hasn't been given it.

        Its key is free again.  False where nothing of that key waits so, or the transport gives nothing back.
        Raises `Unavailable`.
        """

    def bury(self, message: Message[bytes], *, reason: str, error: str) -> Sent:
        """Keep a message that never ran among the dead letters: it was accepted, so it isn't lost."""


class Resender(Protocol):
    """The way back to one consumer's queue."""

    def resend(self, name: str, letter: Letter, *, delay: timedelta, sending: int) -> str | None:
        """Send a kept message again; the error, if it isn't on the queue.

        `sending` counts this message's sendings: FIFO swallows a repeat of the same one.
        """

    def resend_all(self, resendings: Sequence[Resending]) -> list[str | None]:
        """Send kept messages again; the error of each that isn't on the queue, in the order of the input.

        Of an ordering key none is sent after one that isn't on the queue.
        """


class Broker(Sender, Resender, Protocol):
    """One queue of one transport, and of a queue with several consumers one consumer's."""

    def settle(self, settled: Sequence[Settled]) -> frozenset[str]:
        """Act on outcomes, and name the deliveries (by id) that the transport must hand out again.

        `Retry` and `Defer` come back after their wait; what is done, dead or waits elsewhere
        doesn't.
        """

    def delete(self, deliveries: Sequence[Delivery]) -> None:
        """Let go of what is done, now.

        One that can't be deleted is handed out again, and found done.
        """
