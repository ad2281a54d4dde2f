"""Dead letters where Redis is their ledger: listed, shown, put back, deleted, from any Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headworks.brokers.redis.connection import Connection
from headworks.brokers.redis.dead_stream import DeadStream
from headworks.brokers.redis.keys import Keys
from headworks.brokers.redis.operation import Call
from headworks.brokers.redis.past import Past
from headworks.brokers.redis.scripts import standard_scripts
from headworks.ledger.catalogue import EVERYTHING, Address, Listed
from headworks.ledger.ledger import Entry, State
from headworks.outcome import Fault, Reason

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from types import TracebackType
    from typing import Self

    from headworks.brokers.redis import address as where
    from headworks.brokers.redis.dead_stream import DeadLetter, KeptLetter, Letters
    from headworks.brokers.redis.operation import Argument, Operation
    from headworks.brokers.redis.scripts import Scripts
    from headworks.ledger.catalogue import Filter
    from headworks.queue import Queue


class RedisDeadLetters:
    """One consumer's.  Every method raises `Unavailable` when Redis doesn't answer.

    A letter is named by its `place`, which is its time of death and a number.
    """

    def __init__(
        self,
        queue: Queue,
        address: where.Address,
        *,
        consumer: str | None = None,
        namespace: str = "",
        scripts: Scripts | None = None,
    ) -> None:
        self._whose = Address(queue.name, consumer or queue.consumers[0])
        self._fifo = queue.fifo
        self._keys = Keys(queue.name, namespace).of(self._whose.consumer)
        self._letters = DeadStream(self._keys)
        self._scripts = scripts or standard_scripts()
        self._connection = Connection(address)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def page(self, *, only: Filter = EVERYTHING, limit: int = 100, cursor: str | None = None) -> Letters:
        """Up to `limit` that the filter takes, the newest first, from the cursor on.

        A page may hold fewer, or none: there is more as long as it has a cursor.
        """

        def takes(letter: DeadLetter) -> bool:
            return only is EVERYTHING or only.takes(self._listed(letter))

        return self._connection.run(self._letters.page(limit=limit, cursor=cursor, only=takes))

    def read(self, place: str) -> KeptLetter | None:
        """One of them whole: why it is dead, each of its failed attempts, and its message."""
        return self._connection.run(self._letters.read(place))

    def put_back(self, places: Sequence[str], *, replay: str | None = None) -> list[bool]:
        """Have their messages run again, in this order; whether each was there still.

        A fresh series of attempts begins, and the history goes on.  Letter and message are never there
        both: asked for twice, it runs once.  One that a late owner had finished after all is gone without
        a run.  `replay` is what a filter finds it by if it dies again.
        """
        return [self._put_back(place, replay) for place in places]

    def delete(self, places: Collection[str]) -> int:
        """Let go of them for good; how many were there still."""
        return self._connection.run(self._letters.take_away(places))

    def _put_back(self, place: str, replay: str | None) -> bool:
        kept = self.read(place)
        return kept is not None and self._connection.run(self._revive(kept, replay))

    def _revive(self, kept: KeptLetter, replay: str | None) -> Operation[bool]:
        letter = kept.letter
        ordering_key = (letter.ordering_key or kept.message_id) if self._fifo else ""
        fields: list[Argument] = ["i", kept.message_id, "m", kept.body, "s", _past(letter, replay).encoded()]
        if ordering_key:
            fields += ("k", ordering_key)
        parked = (self._keys.parked(ordering_key),) if ordering_key else ()
        done = yield Call(
            script=self._scripts["revive"],
            keys=(*self._keys.places, self._keys.dead, *parked),
            arguments=[kept.place, ordering_key, *fields, "r", "1"],
        )
        return bool(done)

    def _listed(self, letter: DeadLetter) -> Listed:
        """As lists of every ledger show it."""
        return Listed(
            address=self._whose,
            entry=Entry(
                key=letter.key,
                message_id="",
                type=letter.type,
                source=letter.source,
                ordering_key=letter.ordering_key,
                tenant=letter.tenant,
            ),
            state=State.DEAD,
            attempt=letter.attempts,
            crashes=letter.crashes,
            at=letter.died_at,
            reason=Reason(letter.reason) if letter.reason in set(Reason) else None,
            error_type=letter.error_type,
            error=letter.error,
            fault=letter.failures[-1].fault if letter.failures else Fault.PIPELINE,
            replay=letter.replay,
            replays=letter.replays,
            earlier=letter.earlier,
        )


def _past(letter: DeadLetter, replay: str | None) -> Past:
    """What its entry carries from now on."""
    return Past(
        attempts=letter.attempts,
        earlier=letter.attempts,
        replays=letter.replays + 1,
        replay=replay,
        failures=letter.failures,
        sent_at=letter.sent_at,
    )
