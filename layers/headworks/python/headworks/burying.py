"""Burying: what SQS itself moved to a dead-letter queue becomes a dead letter of the ledger.

The dead-letter queues are the net under the ledger: they catch what couldn't even take a
lease, and what the edge put there because no route takes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from headworks import outcome
from headworks.errors import Unavailable, Undecodable
from headworks.ledger.ledger import Entry, Failure, State
from headworks.letters import write_letter
from headworks.outcome import Reason
from headworks.processing import message_in
from headworks.retry import deferral
from headworks.telemetry import Action

if TYPE_CHECKING:
    from headworks.announcements import Announcer
    from headworks.brokers.broker import Delivery
    from headworks.claim_check import ClaimCheck
    from headworks.clock import Clock
    from headworks.ledger.ledger import Ledger
    from headworks.message import Message
    from headworks.outcome import Outcome
    from headworks.queue import Queue
    from headworks.telemetry import Log


@dataclass(frozen=True, slots=True, kw_only=True)
class Undertaker:
    """One consumer's dead-letter queue."""

    queue: Queue
    consumer: str
    ledger: Ledger
    claim_check: ClaimCheck | None
    clock: Clock
    log: Log
    announcer: Announcer | None = None

    def bury(self, delivery: Delivery) -> Outcome:
        """Write one message down as dead, unless the ledger knows better.

        `Done` where its effect has happened or it waits elsewhere, `Defer` while somebody
        runs it, or while the ledger doesn't answer.
        """
        message, entry = self._read(delivery)
        reason, failure = self._epitaph(delivery, message)
        try:
            letter = write_letter(self.claim_check, delivery, message)
            state = self.ledger.bury(entry, letter, reason=reason, failure=failure)
            if state is State.DEAD and self.announcer is not None:
                self.announcer.announce(entry)
        except Unavailable as error:
            return outcome.Defer(after=deferral(delivery.receive_count), why=str(error))
        if state is State.RUNNING:
            return outcome.Defer(after=deferral(delivery.receive_count), why="it is being processed")
        if state is not State.DEAD:
            self._tell(Action.DONE, entry, duplicate=True)
            return outcome.Done(duplicate=True)
        self._tell(Action.DEAD, entry, reason=str(reason))
        return outcome.Dead(reason=reason)

    def _read(self, delivery: Delivery) -> tuple[Message[bytes] | None, Entry]:
        try:
            message = message_in(delivery, self.queue)
        except Undecodable:
            return None, Entry.unread(delivery.name, self.queue.name)
        return message, Entry.of(message)

    def _epitaph(self, delivery: Delivery, message: Message[bytes] | None) -> tuple[Reason, Failure | None]:
        """Why it is dead: what whoever put it there said, or what can be told from it."""
        said: dict[str, Any] = delivery.record.get("messageAttributes", {})
        reason = said.get("reason", {}).get("stringValue")
        if reason in set(Reason):
            error = said.get("error", {}).get("stringValue", "")
            return Reason(reason), Failure(attempt=0, at=self.clock.now(), error_type=reason, error=error)
        return (Reason.UNDECODABLE if message is None else Reason.CRASHED), None

    def _tell(self, action: Action, entry: Entry, **fields: Any) -> None:
        self.log(action, queue=self.queue.name, consumer=self.consumer, message_id=entry.message_id, **fields)
