"""A broker in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headworks import outcome
from headworks.brokers.broker import NO_DELAY, Sent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from headworks.brokers.broker import Delivery, Resending, Settled
    from headworks.ledger.ledger import Letter
    from headworks.message import Message


class MemoryBroker:
    """Keeps what it is given where a test can look.

    `down` makes every send fail; `refused` names messages (by idempotency key; by id those that are sent
    again) that alone do.
    """

    def __init__(self, *, ordered: bool = False) -> None:
        self._ordered = ordered
        self.down = False
        self.refused: set[str] = set()
        self.messages: list[Message[bytes]] = []
        self.delays: list[timedelta] = []
        self.buried: list[tuple[Message[bytes], str, str]] = []
        self.settled: list[Settled] = []
        self.deleted: list[str] = []
        self.resent: list[tuple[str, Letter, timedelta, int]] = []
        self.put_back: list[Resending] = []

    def send(self, messages: Sequence[Message[bytes]], *, delay: timedelta = NO_DELAY) -> list[Sent]:
        return [self._send(message, delay) for message in messages]

    def settle(self, settled: Sequence[Settled]) -> frozenset[str]:
        self.settled.extend(settled)
        return frozenset(
            each.delivery.id
            for each in settled
            if isinstance(each.outcome, outcome.Defer)
            or (isinstance(each.outcome, outcome.Retry) and not each.outcome.away)
        )

    def delete(self, deliveries: Sequence[Delivery]) -> None:
        self.deleted += [delivery.id for delivery in deliveries]

    def resend(self, name: str, letter: Letter, *, delay: timedelta, sending: int) -> str | None:
        if self.down:
            return "down"
        self.resent.append((name, letter, delay, sending))
        return None

    def resend_all(self, resendings: Sequence[Resending]) -> list[str | None]:
        lost: set[str | None] = set()
        errors: list[str | None] = []
        for each in resendings:
            key = each.letter.ordering_key
            if self.down or each.name in self.refused or (self._ordered and key in lost):
                errors.append("down")
                lost.add(key)
            else:
                errors.append(None)
                self.put_back.append(each)
        return errors

    def cancel(self, key: str) -> bool:  # noqa: ARG002 - the contract's
        return False

    def bury(self, message: Message[bytes], *, reason: str, error: str) -> Sent:
        if self.down:
            return Sent(message_id=message.id, error="down")
        self.buried.append((message, reason, error))
        return Sent(message_id=message.id)

    def _send(self, message: Message[bytes], delay: timedelta) -> Sent:
        if self.down or message.idempotency_key in self.refused:
            return Sent(message_id=message.id, error="down")
        self.messages.append(message)
        self.delays.append(delay)
        return Sent(message_id=message.id)
