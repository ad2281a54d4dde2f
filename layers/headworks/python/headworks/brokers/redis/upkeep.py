"""What operators do with one consumer of a queue: look, pause, purge, repair."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from headworks.brokers.redis.keys import GROUP
from headworks.brokers.redis.operation import Call, Refused, command
from headworks.brokers.redis.past import sent_at_of
from headworks.brokers.redis.purging import Purge
from headworks.brokers.redis.scripts import standard_scripts
from headworks.brokers.redis.settling import LONGEST_RUN

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from headworks.brokers.redis.keys import Keys
    from headworks.brokers.redis.operation import Argument, Operation
    from headworks.brokers.redis.purging import Lying, Removed
    from headworks.brokers.redis.scripts import Scripts

PAGE = 200
# A process that has been still for so long, and holds nothing, is gone: its name is tidied away.
STILL_FOR = timedelta(hours=1)


class Paused(msgspec.Struct, frozen=True, kw_only=True):
    """Since when nothing is handed out, who said so, and why."""

    since: datetime
    by: str = ""
    reason: str = ""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Where a consumer's messages are, and what became of them so far.

    `ready` wait to be fetched, `pending` are with a consumer, `due` wait for a retry or for
    their delay, and of those `overdue` have waited long enough by the server's clock; `parked`
    wait behind another of their ordering key (runs count as one where they are ready or pending).
    `oldest` is the time since which the first entry is in the stream, `next_due` when the first
    waiting one comes back.
    """

    ready: int
    pending: int
    due: int
    overdue: int = 0
    parked: int
    dead: int
    ordering_keys: int
    consumers: int
    oldest: datetime | None
    next_due: datetime | None
    paused: Paused | None
    done: int
    retried: int
    deferred: int
    late: int


class Repaired(msgspec.Struct, frozen=True, kw_only=True):
    """What a repair pass found: ordering keys whose holder was gone, waits without a due time, names of the dead."""

    freed: int
    found: int
    names: int


class Upkeep:
    """One consumer of a queue, as operators see it.

    `key_of` tells the idempotency key in a body, so that a purge frees it; without one they
    stay until their window ends.
    """

    def __init__(
        self,
        keys: Keys,
        consumer: str,
        *,
        key_of: Callable[[bytes], str | None] | None = None,
        scripts: Scripts | None = None,
    ) -> None:
        self._queue_keys = keys
        self._consumer = consumer
        self._keys = keys.of(consumer)
        self._key_of = key_of
        self._scripts = scripts or standard_scripts()

    def pause(self, *, at: datetime, by: str = "", reason: str = "") -> Operation[None]:
        """Hand nothing out from now on; what is out is finished as always."""
        told = msgspec.json.encode(Paused(since=at, by=by, reason=reason))
        yield self._call("pause", (self._keys.state,), told)

    def resume(self) -> Operation[bool]:
        """Hand out again; false if it wasn't paused."""
        return bool((yield command("HDEL", self._keys.state, "paused")))

    def paused(self) -> Operation[Paused | None]:
        """Whether, since when and why nothing is handed out."""
        return _paused((yield command("HGET", self._keys.state, "paused")))

    def figures(self) -> Operation[Figures]:
        """The numbers, all of one moment: a message that moves is in one of its places."""
        keys = self._keys
        answer = yield self._call("figures", (*keys.places, keys.dead, keys.state), GROUP)
        length, pending, consumers, first, waiting, overdue, next_due, *others = answer
        ordering_keys, dead, paused, counted = others
        counts = _named(counted)
        return Figures(
            # All that is settled is deleted, so what is left and not pending is ready.  Redis' own lag
            # is wrong or missing once something was deleted ahead of the group, as by a purge.
            ready=max(length - pending, 0),
            pending=pending,
            due=waiting,
            overdue=overdue,
            parked=int(counts.get("parked", 0)),
            dead=dead,
            ordering_keys=ordering_keys,
            consumers=consumers,
            oldest=sent_at_of(first) if first else None,
            next_due=datetime.fromtimestamp(float(next_due) / 1000, UTC) if next_due else None,
            paused=_paused(paused),
            done=int(counts.get("done", 0)),
            retried=int(counts.get("retried", 0)),
            deferred=int(counts.get("deferred", 0)),
            late=int(counts.get("late", 0)),
        )

    def repair(self) -> Operation[Repaired]:
        """Put right what losses, evictions or hands have left half done; safe at any time, beside anything."""
        freed = found = 0
        cursor = "0"
        while True:
            cursor, page = yield from self._scan("HSCAN", self._keys.busy, cursor)
            if ordering_keys := [each.decode() for each in page[::2]]:
                freed += yield self._call(
                    "repair",
                    (*self._keys.places, *(self._keys.parked(key) for key in ordering_keys)),
                    LONGEST_RUN,
                    *ordering_keys,
                )
            if cursor == "0":
                break
        while True:
            cursor, page = yield from self._scan("HSCAN", self._keys.held, cursor)
            if page:
                found += yield self._call("mend", (self._keys.due, self._keys.held), *page[::2])
            if cursor == "0":
                break
        return Repaired(freed=freed, found=found, names=(yield from self._forget_names()))

    def purge(
        self,
        *,
        chosen: Callable[[Sequence[Lying]], Collection[str]] | None = None,
        running_too: bool = True,
        goes_on: Callable[[], bool] = lambda: True,
    ) -> Operation[Removed]:
        """Remove the messages there are, parked, ready, with a consumer or waiting; see `Purge`.

        Whoever is at work on one finds its lease lost, unless what runs is spared.  Dead letters stay.
        """
        purge = Purge(
            self._queue_keys,
            self._consumer,
            key_of=self._key_of,
            chosen=chosen,
            running_too=running_too,
            goes_on=goes_on,
            scripts=self._scripts,
        )
        removed = yield from purge.run()
        yield from self.repair()
        return removed

    def _forget_names(self) -> Operation[int]:
        """Names of processes that are gone and hold nothing."""
        try:
            names = yield command("XINFO", "CONSUMERS", self._keys.stream, GROUP)
        except Refused:
            return 0
        still = [
            told["name"]
            for told in map(_named, names)
            if int(told["pending"]) == 0 and int(told["idle"]) > STILL_FOR / timedelta(milliseconds=1)
        ]
        if not still:
            return 0
        gone: int = yield self._call("leave", (self._keys.stream,), GROUP, *still)
        return gone

    def _scan(self, kind: str, key: str, cursor: str) -> Operation[tuple[str, list[bytes]]]:
        following, page = yield command(kind, key, cursor, "COUNT", PAGE)
        return following.decode(), page

    def _call(self, script: str, keys: Sequence[str], *arguments: Argument) -> Call:
        return Call(script=self._scripts[script], keys=keys, arguments=arguments)


def _paused(told: bytes | None) -> Paused | None:
    return msgspec.json.decode(told, type=Paused) if told else None


def _named(flat: Sequence[Any]) -> dict[str, Any]:
    """Pairs as Redis answers them, texts as texts."""
    return {name.decode(): _text(told) for name, told in zip(flat[::2], flat[1::2], strict=True)}


def _text(told: Any) -> Any:
    return told.decode(errors="replace") if isinstance(told, bytes) else told
