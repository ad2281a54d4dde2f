"""Telling Redis what became of deliveries: many in one call, each only if its lease is still held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from headworks.brokers.redis.delivered import Finished, Gone, Waits
from headworks.brokers.redis.keys import GROUP
from headworks.brokers.redis.operation import MOST_ARGUMENTS, Call
from headworks.chunks import chunks

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from headworks.brokers.redis.delivered import Received, Verdict
    from headworks.brokers.redis.keys import ConsumerKeys
    from headworks.brokers.redis.operation import Argument, Operation
    from headworks.brokers.redis.scripts import Scripts

LONGEST_RUN = 50
MARKS_LAST_MILLISECONDS = 24 * 60 * 60 * 1000
# Lua unpacks the plain ones in one go, and its stack has room for some thousands.
MOST_PLAIN = 1_000
# EVALSHA, the script's name, the number of keys; eight keys; and the script's own first arguments.
_HEAD = 3 + 8 + 5


class _Record(msgspec.Struct, frozen=True, gc=False):
    """One outcome as the script reads it, and the parked list that it may need."""

    entry: bytes
    count: int
    arguments: tuple[Argument, ...]
    parked: str | None = None


_Batch = tuple[Sequence[bytes], Sequence[_Record]]


class Settling:
    """Outcomes on their way to Redis.  `held` are the leases of this process; what is settled leaves it."""

    def __init__(
        self, keys: ConsumerKeys, name: str, held: dict[bytes, int], *, fifo: bool, scripts: Scripts
    ) -> None:
        self._keys = keys
        self._name = name
        self._held = held
        self._fifo = fifo
        self._scripts = scripts
        self._first_arguments = (GROUP, name, MARKS_LAST_MILLISECONDS, LONGEST_RUN)
        # What is known so far of runs that aren't over, from their first member on.
        self._runs: dict[bytes, list[Verdict]] = {}
        # What the server couldn't be told, or didn't answer.
        self._behind: list[_Batch] = []

    @property
    def is_behind(self) -> bool:
        """Whether something couldn't be told: the next call of `settle` does, whatever it is about."""
        return bool(self._behind)

    def settle(self, verdicts: Iterable[Verdict]) -> Operation[frozenset[bytes]]:
        """Act on outcomes; the entries whose leases were lost, of which only effects that happened are kept.

        The members of a run come in their order, together or one after the other; those behind
        one that waits go back in line.  When the
        server can't be told this raises, and what is left is told by the next call.
        """
        plain: list[bytes] = []
        records: list[_Record] = []
        finished: list[Received] = []
        of_runs: dict[bytes, list[Verdict]] = {}
        for verdict in verdicts:
            received = verdict.received
            if received.run > 1:
                of_runs.setdefault(received.entry, []).append(verdict)
            elif not self._fifo and type(verdict) is Finished and received.count == 1 and not received.resent:
                plain.append(received.entry)
                finished.append(received)
            else:
                records.append(self._record(verdict))
        done_so_far: list[str] = []
        for some in of_runs.values():
            record, done = self._progress(some)
            records += record
            done_so_far += done
        late = yield from self._send(plain, records)
        done_so_far += [each.message_id for each in finished if each.entry in late]
        yield from self.mark(done_so_far)
        return late

    def mark(self, message_ids: Collection[str]) -> Operation[None]:
        """These are finished, whoever holds them."""
        for some in chunks(message_ids, MOST_PLAIN):
            yield Call(
                script=self._scripts["mark"], keys=self._keys.done, arguments=(MARKS_LAST_MILLISECONDS, *some)
            )

    def started_runs(self, entries: Iterable[bytes]) -> set[bytes]:
        """Those of the entries that are runs of which something is settled already."""
        return {entry for entry in entries if entry in self._runs}

    def end_runs(self, leases: Iterable[Received]) -> Operation[frozenset[bytes]]:
        """Settle what is known of these runs; the rest of each goes back to the head of its line."""
        by_entry = {each.entry: each for each in leases}
        records = [self._run_record(each, self._runs.pop(entry)) for entry, each in by_entry.items()]
        return self._send([], records)

    def _progress(self, verdicts: Sequence[Verdict]) -> tuple[list[_Record], list[str]]:
        """A run that is over as a record; of one that isn't, what is done, to be marked meanwhile."""
        received = verdicts[0].received
        so_far = self._runs.setdefault(received.entry, [])
        for verdict in verdicts:
            if so_far and isinstance(so_far[-1], Waits):
                _check_stays_behind(verdict)
                continue
            if verdict.received.position != len(so_far):
                raise ValueError(
                    f"{verdict.received.message_id}: member {verdict.received.position} of a run is settled "
                    f"after {len(so_far)} of them: they come in their order"
                )
            so_far.append(verdict)
        if len(so_far) == received.run or isinstance(so_far[-1], Waits):
            del self._runs[received.entry]
            return [self._run_record(received, so_far)], []
        return [], [each.received.message_id for each in verdicts if isinstance(each, Finished)]

    def _record(self, verdict: Verdict) -> _Record:
        received = verdict.received
        ordering_key, parked = self._order(received)
        rest: tuple[Argument, ...]
        match verdict:
            case Finished():
                needs_mark = int(received.count > 1 or received.resent)
                kind, rest = "done", (needs_mark,)
            case Waits():
                kind, rest = "wait", _wait(verdict)
            case Gone(letter=letter):
                kind, rest = "dead", (letter,)
        head = (kind, received.entry, received.count, received.message_id, ordering_key)
        return _Record(received.entry, received.count, (*head, *rest), parked)

    def _run_record(self, received: Received, so_far: Sequence[Verdict]) -> _Record:
        ordering_key, parked = self._order(received)
        last = so_far[-1]
        over = so_far[:-1] if isinstance(last, Waits) else so_far
        arguments: list[Argument] = ["run", received.entry, received.count, "", ordering_key, len(over)]
        for each in over:
            # A dead one without a letter is in another ledger: there is nothing to write here.
            arguments += (each.received.message_id, (each.letter or "-") if isinstance(each, Gone) else "")
        arguments += _wait(last) if isinstance(last, Waits) else ("", 0, "")
        return _Record(received.entry, received.count, tuple(arguments), parked)

    def _order(self, received: Received) -> tuple[str, str | None]:
        if not self._fifo or received.ordering_key is None:
            return "", None
        return received.ordering_key, self._keys.parked(received.ordering_key)

    def _send(self, plain: Sequence[bytes], records: Sequence[_Record]) -> Operation[frozenset[bytes]]:
        """Tell it, after what couldn't be told before."""
        batches = [*self._behind, *_batches(plain, records)]
        self._behind = []
        late: set[bytes] = set()
        try:
            while batches:
                late.update((yield self._call(*batches[0])))
                some_plain, some_records = batches.pop(0)
                for entry in some_plain:
                    self._let_go(entry, 1)
                for record in some_records:
                    self._let_go(record.entry, record.count)
        finally:
            # What isn't answered is told again: a second time it is late, and changes nothing.
            self._behind = batches + self._behind
        return frozenset(late)

    def _let_go(self, entry: bytes, count: int) -> None:
        # A later lease of the same entry stays: what was settled then was an earlier one.
        if self._held.get(entry) == count:
            del self._held[entry]

    def _call(self, plain: Sequence[bytes], records: Sequence[_Record]) -> Call:
        return Call(
            script=self._scripts["settle"],
            keys=[
                *(*self._keys.places, *self._keys.done, self._keys.dead),
                *(record.parked for record in records if record.parked is not None),
            ],
            arguments=[
                *self._first_arguments,
                len(plain),
                *plain,
                *(each for record in records for each in record.arguments),
            ],
        )


def _check_stays_behind(verdict: Verdict) -> None:
    """What comes after a member that waits goes back in line behind it, whatever wait it was given."""
    if not isinstance(verdict, Waits) or verdict.failed:
        raise ValueError(
            f"{verdict.received.message_id}: a member of a run came to its end after one before it that waits"
        )


def _wait(verdict: Waits) -> tuple[Argument, ...]:
    counter = "retried" if verdict.failed else "deferred"
    return (counter, verdict.milliseconds, verdict.past.encoded())


def _batches(plain: Sequence[bytes], records: Sequence[_Record]) -> Iterator[_Batch]:
    """Cut to what one call takes; the first has both kinds, so that most batches are one call."""
    batches = list(chunks(plain, MOST_PLAIN)) or [[]]
    yield from ((some, []) for some in batches[:-1])
    first = batches[-1]
    call: list[_Record] = []
    room = MOST_ARGUMENTS - _HEAD - len(first)
    for record in records:
        size = len(record.arguments) + (record.parked is not None)
        if size > room:
            yield first, call
            first, call, room = [], [], MOST_ARGUMENTS - _HEAD
        call.append(record)
        room -= size
    if first or call:
        yield first, call
