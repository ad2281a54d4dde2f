"""Waking: messages that have waited out of the queue go back to it when they are due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from headworks.errors import MissingObject, Unavailable
from headworks.ledger.ledger import SENT_AHEAD
from headworks.letters import whole_letter
from headworks.telemetry import Action

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from headworks.brokers.broker import Resender
    from headworks.claim_check import ClaimCheck
    from headworks.clock import Clock
    from headworks.ledger.ledger import Ledger, Waiting
    from headworks.queue import Queue
    from headworks.telemetry import Log

# The schedule's interval; what falls due until the next round is sent now, with a delay to the second.
INTERVAL = timedelta(minutes=1)
MOST_AT_ONCE = 500
NO_DELAY = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waker:
    """One consumer's waiting messages.

    Each is sent, then marked: a crash in between sends it once more, and the ledger absorbs
    the copy.
    """

    queue: Queue
    consumer: str
    ledger: Ledger
    broker: Resender
    claim_check: ClaimCheck | None
    clock: Clock
    log: Log

    def wake(self, *, remaining: Callable[[], timedelta]) -> int:
        """Send what is due before the next look; how many were sent.

        What can't be sent now stays, and is found the next time.  Raises `Unavailable` when
        the ledger can't be read.
        """
        sent = 0
        while remaining() > INTERVAL / 4:
            waiting = self.ledger.waiting(due_before=self._horizon(), limit=MOST_AT_ONCE)
            woken = sum(self._wake(each) for each in waiting)
            sent += woken
            if not woken or len(waiting) < MOST_AT_ONCE:
                break
        return sent

    def _horizon(self) -> datetime:
        # SQS delays no single message of a FIFO queue: one of those is sent when it is due.
        ahead = NO_DELAY if self.queue.fifo else SENT_AHEAD
        return self.clock.now() + ahead

    def _wake(self, waiting: Waiting) -> bool:
        entry = waiting.entry
        try:
            letter = self.ledger.letter(entry)
            if letter is None:
                self._tell(Action.TROUBLE, waiting, what="a waiting message has lost its body")
                return False
            letter = whole_letter(self.claim_check, letter)
            delay = max(waiting.due - self.clock.now(), NO_DELAY)
            error = self.broker.resend(entry.message_id, letter, delay=delay, sending=waiting.attempt + 1)
            if error is not None:
                self._tell(Action.NOT_QUEUED, waiting, error_message=error)
                return False
            self.ledger.woken(waiting)
        except (Unavailable, MissingObject) as error:
            self._tell(Action.TROUBLE, waiting, what="a waiting message stays for the next look", error=error)
            return False
        self._tell(Action.QUEUED, waiting, delay_seconds=int(delay.total_seconds()) or None)
        return True

    def _tell(self, action: Action, waiting: Waiting, **fields: Any) -> None:
        self.log(
            action,
            queue=self.queue.name,
            consumer=self.consumer,
            message_id=waiting.entry.message_id,
            attempt=waiting.attempt,
            **fields,
        )
