"""Deliveries that may not run, or not as a first attempt: suspects, and what was put back from a ledger."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from headworks.brokers.broker import Settled
from headworks.brokers.redis.broker import delivery_of
from headworks.completions import COMPLETION_ROUNDS, FIRST_PAUSE_SECONDS
from headworks.errors import Unavailable
from headworks.ledger.ledger import Lease, Suspect
from headworks.processing import Opened
from headworks.telemetry import Action

if TYPE_CHECKING:
    from collections.abc import Callable

    from headworks.brokers.redis.delivered import Received
    from headworks.brokers.redis.entry_ledger import EntryLedger
    from headworks.message import Message
    from headworks.processing import Processing
    from headworks.queue import Queue
    from headworks.telemetry import Log

SOON = timedelta(seconds=1)
# What a run may still take to be told of once its time is up.
TELLING = timedelta(seconds=5)


class Doubtful:
    """Asks the ledger about them.  It may be a store: for threads."""

    def __init__(
        self,
        queue: Queue,
        processing: Processing,
        entries: EntryLedger,
        *,
        log: Log,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._queue = queue
        self._processing = processing
        self._entries = entries
        self._log = log
        self._pause = pause

    def lease(self, received: Received, message: Message[bytes]) -> Lease | Settled:
        """The right to run it, or what becomes of it without a run."""
        self._entries.take([received])
        opened = Opened(delivery=delivery_of(received), message=message)
        lasts = self._queue.timeout + TELLING
        try:
            [answer] = self._entries.lease([opened.entry], lasts=lasts)
            if isinstance(answer, Suspect):
                if answer.crashes + 1 > self._queue.max_crashes:
                    return self._processing.bury_crashed(opened, answer)
                answer = self._entries.take_over(answer, lasts=lasts)
        except Unavailable as error:
            return self._processing.defer(opened, str(error))
        if isinstance(answer, Suspect):
            return self._processing.defer(opened, "somebody else took it over and died", after=SOON)
        return answer if isinstance(answer, Lease) else self._processing.turn_away(opened, answer)

    def complete(self, lease: Lease) -> None:
        """Its effect has happened, whatever the ledger answers."""
        for round_number in range(COMPLETION_ROUNDS):
            if round_number:
                self._pause(FIRST_PAUSE_SECONDS * 2**round_number)
            try:
                [completed] = self._entries.complete([lease])
            except Unavailable:
                continue
            if completed is False:
                self._trouble("the effect happened after its lease had ended", lease)
            if completed is not None:
                return
        self._trouble("the effect happened, but the ledger doesn't know", lease)

    def _trouble(self, what: str, lease: Lease) -> None:
        self._log(
            Action.TROUBLE,
            what=what,
            queue=self._queue.name,
            message_id=lease.entry.message_id,
            attempt=lease.attempt_of_series,
        )
