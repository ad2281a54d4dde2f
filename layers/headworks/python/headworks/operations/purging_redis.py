"""Purging a consumer's messages on Redis: what is ready, parked or due goes, what somebody is at work on stays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from headworks.errors import Undecodable
from headworks.ledger.ledger import Entry, State
from headworks.message import Carrier, decode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headworks.brokers.redis.purging import Lying
    from headworks.ledger.interventions import Interventions
    from headworks.message import Message
    from headworks.queue import Queue

# When a body was sent that doesn't say so: it goes.
LONG_AGO = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which messages may go: those sent before a moment, and of those that a ledger leases the ones it lets go."""

    queue: Queue
    interventions: Interventions
    before: datetime

    def __call__(self, lying: Sequence[Lying]) -> set[str]:
        """The ids of those that nothing speaks of any more.  Raises `Unavailable`."""
        read = {each.id: self.read(each.body) for each in lying}
        old = {id_ for id_, message in read.items() if message is None or message.time < self.before}
        leased = [each.id for each in lying if each.is_kept and each.id in old]
        return old - self._spared({id_: message for id_ in leased if (message := read[id_]) is not None})

    def key_of(self, body: bytes) -> str | None:
        """The key that a message was accepted under.

        None where the queue has several consumers: it is the others' key, too, and they may have had the message.
        """
        if self.queue.is_fanned_out:
            return None
        message = self.read(body)
        return None if message is None else message.idempotency_key

    def read(self, body: bytes) -> Message[bytes] | None:
        """A message, if the body can be read."""
        carrier = Carrier(queue=self.queue.name, id="", sent_at=LONG_AGO)
        try:
            return decode(body.decode(), carrier=carrier, key_path=self.queue.key_path)
        except (Undecodable, UnicodeDecodeError):
            return None

    def _spared(self, messages: dict[str, Message[bytes]]) -> set[str]:
        """Those that run now, or are on their way, says the ledger that leases them."""
        keys = {id_: Entry.of(message).key for id_, message in messages.items()}
        states = self.interventions.states(set(keys.values())) if keys else {}
        return {id_ for id_, key in keys.items() if not self._may_go(key, states.get(key))}

    def _may_go(self, key: str, state: State | None) -> bool:
        if state is State.RETRYING:
            return self.interventions.withdraw(key)
        return state not in {State.RUNNING, State.REPLAYING}
