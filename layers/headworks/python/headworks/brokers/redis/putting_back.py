"""Putting a kept message back for one consumer: replays, and waits that were spent elsewhere."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from headworks.brokers.broker import NO_DELAY
from headworks.brokers.redis.operation import Call
from headworks.brokers.redis.past import NO_PAST, Past
from headworks.brokers.redis.scripts import standard_scripts
from headworks.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headworks.brokers.broker import Resending
    from headworks.brokers.redis.connection import Connection
    from headworks.brokers.redis.keys import ConsumerKeys
    from headworks.brokers.redis.operation import Operation
    from headworks.brokers.redis.scripts import Scripts
    from headworks.ledger.ledger import Letter
    from headworks.queue import Queue


def put_back(
    keys: ConsumerKeys,
    message_id: str,
    body: str | bytes,
    *,
    delay: timedelta,
    ordering_key: str | None = None,
    past: Past = NO_PAST,
    from_ledger: bool = False,
    scripts: Scripts | None = None,
) -> Operation[None]:
    """Have this consumer get the message again, unless it has finished a copy of it by then.

    `ordering_key` on FIFO alone: there it queues up behind what is in line.  `from_ledger` where an
    item of a ledger is its lease, and says whether it runs.  Putting it back
    twice is harmless: the second copy finds the mark of the first, or comes after it.
    """
    fields: list[str | bytes] = ["i", message_id, "m", body]
    if ordering_key is not None:
        fields += ("k", ordering_key)
    if state := past.encoded():
        fields += ("s", state)
    if from_ledger:
        fields += ("l", "1")
    places = keys.places if ordering_key is None else (*keys.places, keys.parked(ordering_key))
    milliseconds = -(-delay // timedelta(milliseconds=1))
    yield Call(
        script=(scripts or standard_scripts())["put_back"],
        keys=places,
        arguments=[milliseconds, message_id, ordering_key or "", *fields, "r", "1"],
    )


class WayBack:
    """The way back to one consumer's queue on Redis; see `Resender`.

    `from_ledger` where the letters are those of a ledger that whoever takes them asks.  Nothing tells
    sendings apart here: marks, or the ledger, tell copies.
    """

    def __init__(
        self,
        queue: Queue,
        keys: ConsumerKeys,
        connection: Connection,
        *,
        from_ledger: bool,
        scripts: Scripts | None = None,
    ) -> None:
        self._fifo = queue.fifo
        self._keys = keys
        self._connection = connection
        self._from_ledger = from_ledger
        self._scripts = scripts

    def resend(self, name: str, letter: Letter, *, delay: timedelta, sending: int) -> str | None:  # noqa: ARG002 - the contract's
        """See `Resender.resend`.  On FIFO it queues up at the end of its ordering key's line."""
        operation = put_back(
            self._keys,
            name,
            letter.body,
            delay=delay,
            ordering_key=self._ordering_key(name, letter),
            past=Past(sent_at=letter.sent_at),
            from_ledger=self._from_ledger,
            scripts=self._scripts,
        )
        try:
            self._connection.run(operation)
        except Unavailable as error:
            return str(error)
        return None

    def resend_all(self, resendings: Sequence[Resending]) -> list[str | None]:
        """See `Resender.resend_all`."""
        errors: list[str | None] = []
        lost: set[str] = set()
        for each in resendings:
            key = self._ordering_key(each.name, each.letter)
            if key is not None and key in lost:
                errors.append("an earlier message of its ordering key isn't on the queue")
                continue
            errors.append(self.resend(each.name, each.letter, delay=NO_DELAY, sending=0))
            if errors[-1] is not None and key is not None:
                lost.add(key)
        return errors

    def _ordering_key(self, name: str, letter: Letter) -> str | None:
        return (letter.ordering_key or name) if self._fifo else None
