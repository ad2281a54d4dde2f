"""One process's deliveries of one consumer: fetched, kept alive, handed back."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from headworks.brokers.redis.delivered import Fetched, Finished, Received, Waits
from headworks.brokers.redis.keys import GROUP
from headworks.brokers.redis.operation import Call, Pause, Refused, command
from headworks.brokers.redis.reading import is_run, read, value
from headworks.brokers.redis.scripts import standard_scripts
from headworks.brokers.redis.settling import LONGEST_RUN, Settling
from headworks.chunks import chunks

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from headworks.brokers.redis.delivered import Verdict
    from headworks.brokers.redis.keys import ConsumerKeys
    from headworks.brokers.redis.operation import Argument, Operation
    from headworks.brokers.redis.scripts import Scripts

# Between two looks at what is due, while there is enough to do anyway; and when there isn't.
TENDS_EVERY_SECONDS = 0.1
LONGEST_BLOCK_SECONDS = 1.0
MOST_PROMOTED = 200
SEARCH_EVERY = timedelta(milliseconds=500)
SEARCH_SIZE = 100
MOST_A_CALL = 1_000
# `hand_back` makes an entry look as if nobody had touched it for twice as long.
HANDED_BACK_MILLISECONDS = 500_000_000
# What is started must be well within its lease by the server's clock.
MARGIN_OF_LEASE = 0.1

_NOTHING_THERE = ("NOGROUP", "UNBLOCKED")


class Deliveries:
    """What one process takes of a consumer's stream, under a name that nobody else has.

    `lease` is how long a delivery is its own without being extended.  A lease is held until
    it is settled, handed back or found lost: `held` are those to keep alive, and one that is
    forgotten is kept alive for as long as the process lives.  One fetch at a time.
    An operator who has messages processed by hand doesn't heed a pause.
    """

    def __init__(
        self,
        keys: ConsumerKeys,
        name: str,
        *,
        lease: timedelta,
        fifo: bool = False,
        heeds_pause: bool = True,
        scripts: Scripts | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keys = keys
        self._name = name
        self._lease = lease
        self._fifo = fifo
        self._heeds_pause = heeds_pause
        self._scripts = scripts or standard_scripts()
        self._now = now
        self._tend_at = 0.0
        self._next_due_at: float | None = None
        # Whether answers may have been lost: deliveries may be ours that we don't know of.
        self._unsure = True
        # A fetch that was given up may reach the server later still, and only others look for what is under our name.
        self._sure_until = 0.0
        # Whether nothing was to be handed out when we last looked: the next fetch looks again before it reads.
        self._was_paused = False
        # Whether a fetch made room without bringing anything: the next thing is there now.
        self._look_again = False
        self.held: dict[bytes, int] = {}
        # Until when leases may be started that were kept alive the last time.
        self._renewed: dict[bytes, float] = {}
        self._settling = Settling(keys, name, self.held, fifo=fifo, scripts=self._scripts)

    def fetch(self, most: int, *, block: float = 0, idle: bool = False) -> Operation[Fetched]:
        """Take up to `most` messages, or as many as one run has; wait up to `block` seconds for the first.

        `idle` says that this process runs nothing: only then it is given a suspect, and nothing beside it.
        Raises `Unavailable` when an answer is lost; the next fetch finds what it would have brought.
        """
        until = self._now() + block
        while True:
            self._look_again = False
            fetched = yield from self._fetch_once(most, until, idle=idle)
            if fetched.deliveries or (not self._look_again and (fetched.suspects or self._now() >= until)):
                return fetched
            if fetched.paused:
                yield Pause(min(LONGEST_BLOCK_SECONDS, max(until - self._now(), 0)))

    def extend(self, leases: Collection[Received] | None = None) -> Operation[frozenset[bytes]]:
        """Keep leases alive, all that are held or these; the entries that are somebody else's by now.

        From another thread, too, over a connection of its own.
        """
        some = dict(self.held) if leases is None else {each.entry: each.count for each in leases}
        deadline = self._deadline()
        late = yield from self._on_leases("extend", (self._keys.stream,), some)
        self._renewed = dict.fromkeys(some.keys() - late, deadline)
        return late

    def may_start(self, received: Received) -> bool:
        """Whether a delivery is this process's own still, as far as it can know: ask right before it is started."""
        deadline = self._renewed.get(received.entry, received.deadline)
        return self._now() < deadline and self.held.get(received.entry) == received.count

    def settle(self, verdicts: Iterable[Verdict]) -> Operation[frozenset[bytes]]:
        """Act on outcomes; see `Settling.settle`."""
        some = list(verdicts)
        late = yield from self._settling.settle(some)
        if waits := [each.milliseconds for each in some if type(each) is Waits]:
            # A fetch that is about to block knows when it must be back.
            due_at = self._now() + min(waits) / 1000
            self._next_due_at = min(self._next_due_at or due_at, due_at)
        return late

    def hand_back(self, leases: Collection[Received]) -> Operation[frozenset[bytes]]:
        """Let somebody else have what was never started; it counts as never delivered.

        Of a run all members that are left.
        """
        started = self._settling.started_runs(each.entry for each in leases)
        late = yield from self._settling.end_runs([each for each in leases if each.entry in started])
        some = {each.entry: each.count for each in leases if each.entry not in started}
        late |= yield from self._on_leases("hand_back", (self._keys.stream, self._keys.state), some)
        for entry, count in some.items():
            if self.held.get(entry) == count:
                del self.held[entry]
        return late

    def leave(self) -> Operation[bool]:
        """Give the name up; false while something is pending under it."""
        gone = yield self._call("leave", (self._keys.stream,), GROUP, self._name)
        return bool(gone)

    def _fetch_once(self, most: int, until: float, *, idle: bool) -> Operation[Fetched]:
        if self._settling.is_behind:
            yield from self.settle(())
        if self._unsure or self._now() >= self._sure_until:
            yield from self._recover()
        suspects = 0
        if idle or self._was_paused or self._now() >= self._tend_at or self._is_something_due():
            tended = yield from self._tend(idle=idle)
            if tended.deliveries or tended.paused:
                return tended
            suspects = tended.suspects
            if suspects and not idle:
                # Whoever has work finishes it, and then has time for them.
                until = self._now()
        deliveries = yield from self._read(most, self._block_until(until))
        return Fetched(deliveries=tuple(deliveries), suspects=suspects)

    def _is_something_due(self) -> bool:
        return self._next_due_at is not None and self._next_due_at <= self._now()

    def _block_until(self, until: float) -> float:
        """Seconds to wait for a message: not past what is due next."""
        now = self._now()
        wait = min(until - now, LONGEST_BLOCK_SECONDS)
        if self._next_due_at is not None:
            wait = min(wait, self._next_due_at - now)
        return max(wait, 0)

    def _read(self, most: int, block: float) -> Operation[list[Received]]:
        deadline = self._deadline()
        waits: tuple[Argument, ...] = ("BLOCK", max(int(block * 1000), 1)) if block > 0 else ()
        self._unsure = True
        try:
            answer = yield command(
                *("XREADGROUP", "GROUP", GROUP, self._name, "COUNT", most, *waits),
                *("STREAMS", self._keys.stream, ">"),
                blocks=block,
                repeatable=False,
            )
        except Refused as refused:
            self._unsure = False
            if not refused.says(*_NOTHING_THERE):
                raise
            self._tend_at = 0.0
            return []
        self._unsure = False
        if not answer:
            # Nothing is there: whatever comes first is due, or sent.
            self._tend_at = self._now()
            return []
        return (yield from self._taken(answer[0][1], deadline))

    def _taken(
        self, entries: Sequence[tuple[bytes, Sequence[bytes]]], deadline: float
    ) -> Operation[list[Received]]:
        """What is handed out for the first time, without copies of what is finished."""
        received: list[Received] = []
        for entry, fields in entries:
            received += read(entry, fields, count=1, deadline=deadline)
        self.held.update((each.entry, 1) for each in received)
        if not any(each.resent for each in received):
            return received
        return (yield from self._without_finished(received))

    def _tend(self, *, idle: bool) -> Operation[Fetched]:
        """Bring back what is due, handed back or lost."""
        deadline = self._deadline()
        self._unsure = True
        answer = yield Call(
            script=self._scripts["tend"],
            keys=(*self._keys.places, *self._keys.done, self._keys.state),
            arguments=[
                *(GROUP, self._name, int(self._fifo), MOST_PROMOTED),
                *(_milliseconds(self._lease), _milliseconds(SEARCH_EVERY), SEARCH_SIZE, int(idle)),
                int(self._heeds_pause),
            ],
            # It may have claimed something, which a second one wouldn't tell of.
            repeatable=False,
        )
        self._unsure = False
        paused, time_there, next_due, more, back, suspect, suspects, second_step = answer
        now = self._now()
        self._was_paused = bool(paused)
        self._tend_at = now if more or suspects else now + TENDS_EVERY_SECONDS
        self._next_due_at = None if next_due < 0 else now + max(next_due - time_there, 1) / 1000
        if second_step:
            yield from self._promote(second_step)
        if back:
            received = yield from self._taken(back, deadline)
            return Fetched(deliveries=tuple(received), suspects=suspects)
        if suspect:
            entry, fields, count, marked = suspect
            deliveries = yield from self._take_suspect(entry, fields, count, deadline, marked=bool(marked))
            return Fetched(deliveries=tuple(deliveries), suspects=suspects)
        return Fetched(suspects=suspects, paused=bool(paused))

    def _take_suspect(
        self, entry: bytes, fields: Sequence[bytes], count: int, deadline: float, *, marked: bool
    ) -> Operation[list[Received]]:
        """A delivery that ended without an outcome, alone; nothing, where its message is finished after all."""
        self._tend_at = 0.0
        if is_run(fields):
            yield from self._take_apart(entry, count, value(fields, b"k").decode())
            return []
        self.held[entry] = count
        received = read(entry, fields, count=count, deadline=deadline)
        if marked:
            yield from self._put_aside([each for each in received if not each.kept])
            return [_finished(each) for each in received if each.kept]
        return received

    def _take_apart(self, entry: bytes, count: int, ordering_key: str) -> Operation[None]:
        """Have the members of a run that may have run before come one by one."""
        keys = (self._keys.stream, self._keys.busy, self._keys.counts, *self._keys.done)
        parked = self._keys.parked(ordering_key)
        yield self._call("take_apart", (*keys, parked), GROUP, self._name, entry, count, ordering_key)
        self.held.pop(entry, None)
        self._look_again = True

    def _without_finished(self, received: Sequence[Received]) -> Operation[list[Received]]:
        """Those of which no copy is finished, by their marks, and those that a ledger is to be asked about."""
        doubtful = {each.entry: each for each in received if each.resent}
        for entry, each in doubtful.items():
            if each.run > 1:
                yield from self._take_apart(entry, each.count, each.ordering_key or "")
        copies = [each for each in doubtful.values() if each.run == 1]
        marked = yield from self._marked_of(copies)
        finished = [each for each in marked if not each.kept]
        yield from self._put_aside(finished)
        gone = {each.entry for each in finished} | {e for e, each in doubtful.items() if each.run > 1}
        known = {each.entry for each in marked}
        return [
            _finished(each) if each.entry in known else each for each in received if each.entry not in gone
        ]

    def _put_aside(self, finished: Sequence[Received]) -> Operation[None]:
        """Settle what bears a mark already."""
        if finished:
            self._look_again = True
            yield from self.settle([Finished(each) for each in finished])

    def _marked_of(self, copies: Sequence[Received]) -> Operation[list[Received]]:
        if not copies:
            return []
        first, second = self._keys.done
        ids = [each.message_id for each in copies]
        marks = yield command("HMGET", first, *ids)
        more = yield command("HMGET", second, *ids)
        return [each for each, *found in zip(copies, marks, more, strict=True) if any(found)]

    def _promote(self, second_step: Sequence[bytes]) -> Operation[None]:
        ordering_keys = [each.decode() for each in second_step[1::2]]
        keys = (*self._keys.places, *self._keys.done, *(self._keys.parked(key) for key in ordering_keys))
        yield self._call("promote", keys, LONGEST_RUN, *second_step)

    def _recover(self) -> Operation[None]:
        """Find what the server handed out and nobody here knows of: its answer was lost."""
        unknown: dict[bytes, int] = {}
        start = "-"
        while True:
            try:
                page = yield command(
                    "XPENDING", self._keys.stream, GROUP, start, "+", MOST_A_CALL, self._name
                )
            except Refused as refused:
                if not refused.says(*_NOTHING_THERE):
                    raise
                break
            # What was handed back stays under our name, as if still for long, until somebody asks.
            unknown |= {
                entry: count
                for entry, _, idle, count in page
                if idle < HANDED_BACK_MILLISECONDS and entry not in self.held
            }
            if len(page) < MOST_A_CALL:
                break
            start = "(" + page[-1][0].decode()
        if unknown:
            yield from self._on_leases("hand_back", (self._keys.stream, self._keys.state), unknown)
        self._unsure = False
        self._sure_until = self._now() + self._lease.total_seconds()
        self._tend_at = 0.0

    def _on_leases(
        self, script: str, keys: Sequence[str], leases: dict[bytes, int]
    ) -> Operation[frozenset[bytes]]:
        late: set[bytes] = set()
        for some in chunks(sorted(leases.items(), key=_by_entry), MOST_A_CALL):
            late.update(
                (yield self._call(script, keys, GROUP, self._name, *(part for each in some for part in each)))
            )
        for entry in late:
            # A later lease of the same entry may be held by now.
            if self.held.get(entry) == leases[entry]:
                del self.held[entry]
        return frozenset(late)

    def _deadline(self) -> float:
        return self._now() + self._lease.total_seconds() * (1 - MARGIN_OF_LEASE)

    def _call(self, script: str, keys: Sequence[str], *arguments: Argument) -> Call:
        return Call(script=self._scripts[script], keys=keys, arguments=arguments)


def _finished(received: Received) -> Received:
    return msgspec.structs.replace(received, finished=True)


def _by_entry(lease: tuple[bytes, int]) -> tuple[int, int]:
    milliseconds, _, sequence = lease[0].partition(b"-")
    return int(milliseconds), int(sequence)


def _milliseconds(time: timedelta) -> int:
    return time // timedelta(milliseconds=1)
