"""Removing what lies there for one consumer of a queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from headworks.brokers.redis.keys import GROUP
from headworks.brokers.redis.operation import MOST_ARGUMENTS, Call, command
from headworks.brokers.redis.scripts import standard_scripts
from headworks.brokers.redis.settling import LONGEST_RUN

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from headworks.brokers.redis.keys import Keys
    from headworks.brokers.redis.operation import Argument, Operation
    from headworks.brokers.redis.scripts import Scripts

PAGE = 200
# EVALSHA, the script's name, the number of keys, the places and the script's own first arguments.
_HEAD = 3 + 6 + 6


class Lying(msgspec.Struct, frozen=True, kw_only=True):
    """A message that may be removed; `is_kept` where an item of a ledger says whether it runs."""

    id: str
    body: bytes
    is_kept: bool = False


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """How many messages were removed, were spared, and were with a consumer; `more` where it was ended early."""

    removed: int = 0
    spared: int = 0
    running: int = 0
    more: bool = False


class _Unit(msgspec.Struct, frozen=True, kw_only=True):
    """What is removed as one: a message, or a run of them; and the ordering key that it may hold."""

    place: str
    id: bytes | str
    messages: list[Lying]
    ordering_key: str = ""


class Purge:
    """Removes a consumer's messages, parked, ready and waiting; dead letters stay.

    `key_of` tells the idempotency key in a body, so that it is free again.  `chosen` answers the ids of
    those that may go.  `running_too` takes what is with a consumer, who finds its lease lost.  `goes_on`
    is asked before each page.
    """

    def __init__(
        self,
        keys: Keys,
        consumer: str,
        *,
        key_of: Callable[[bytes], str | None] | None = None,
        chosen: Callable[[Sequence[Lying]], Collection[str]] | None = None,
        running_too: bool = False,
        goes_on: Callable[[], bool] = lambda: True,
        scripts: Scripts | None = None,
    ) -> None:
        self._accepted_prefix = keys.accepted_prefix
        self._keys = keys.of(consumer)
        self._key_of = key_of
        self._chosen = chosen or _all_of
        self._running_too = running_too
        self._goes_on = goes_on
        self._script = (scripts or standard_scripts())["purge"]
        self._removed = self._spared = self._running = 0

    def run(self) -> Operation[Removed]:
        """Go through everything that is there when it begins."""
        last = yield command("XREVRANGE", self._keys.stream, "+", "-", "COUNT", 1)
        ended = yield from self._all_parked()
        if not ended and last:
            ended = yield from self._all_entries(last[0][0])
        if not ended:
            ended = yield from self._all_waiting()
        return Removed(removed=self._removed, spared=self._spared, running=self._running, more=ended)

    def _all_parked(self) -> Operation[bool]:
        cursor = "0"
        while True:
            following, page = yield command("HSCAN", self._keys.busy, cursor, "COUNT", PAGE)
            for ordering_key in page[::2]:
                if (yield from self._parked_at(self._keys.parked(ordering_key.decode()))):
                    return True
            if (cursor := following.decode()) == "0":
                return False

    def _parked_at(self, parked: str) -> Operation[bool]:
        rank = 0
        while some := (yield command("LRANGE", parked, rank, rank + PAGE - 1)):
            if not self._goes_on():
                return True
            units = []
            for each in some:
                message = _lying(msgspec.msgpack.decode(each, type=list[str]))
                units.append(_Unit(place="parked", id=message.id, messages=[message]))
            rank += len(some) - (yield from self._remove(units, parked=parked, rank=rank))
        return False

    def _all_entries(self, last: bytes) -> Operation[bool]:
        first = b"-"
        while page := (yield command("XRANGE", self._keys.stream, first, last, "COUNT", PAGE)):
            if not self._goes_on():
                return True
            units = [_entry(entry, fields) for entry, fields in page]
            yield from self._remove(units)
            first = b"(" + page[-1][0]
        return False

    def _all_waiting(self) -> Operation[bool]:
        rank = 0
        while page := (yield command("ZRANGE", self._keys.due, rank, rank + PAGE - 1)):
            if not self._goes_on():
                return True
            packed = yield command("HMGET", self._keys.held, *page)
            # Those without an entry are gone already, and leave the list of what is due here.
            units = [_waiting(message_id, each) for message_id, each in zip(page, packed, strict=True)]
            yield from self._remove(units)
            after = yield command("ZRANGE", self._keys.due, rank, rank + PAGE - 1)
            rank += len(set(page) & set(after))
        return False

    def _remove(self, units: Sequence[_Unit], *, parked: str | None = None, rank: int = 0) -> Operation[int]:
        """Remove those that may go; how many messages went."""
        may_go = self._chosen([message for unit in units for message in unit.messages])
        mine = [unit for unit in units if all(message.id in may_go for message in unit.messages)]
        self._spared += sum(len(unit.messages) for unit in units) - sum(len(unit.messages) for unit in mine)
        before = self._removed
        for some in _calls(mine):
            removed, running = yield self._call(some, parked or self._keys.stream, rank)
            self._removed += removed
            self._running += running
        return self._removed - before

    def _call(self, units: Sequence[_Unit], parked: str, rank: int) -> Call:
        named: list[Argument] = []
        lines: list[str] = []
        accepted: list[str] = []
        owners: list[Argument] = []
        for place, unit in enumerate(units, start=1):
            named += (unit.place, unit.id, len(unit.messages), unit.ordering_key)
            if unit.ordering_key:
                lines.append(self._keys.parked(unit.ordering_key))
            for message in unit.messages:
                key = self._key_of(message.body) if self._key_of else None
                if key:
                    accepted.append(self._accepted_prefix + key)
                    owners += (message.id, place)
        return Call(
            script=self._script,
            keys=(*self._keys.places, parked, *lines, *accepted),
            arguments=(GROUP, int(self._running_too), rank, PAGE, LONGEST_RUN, len(units), *named, *owners),
        )


def _all_of(messages: Sequence[Lying]) -> Collection[str]:
    return {message.id for message in messages}


def _calls(units: Sequence[_Unit]) -> Iterator[list[_Unit]]:
    """As many as fit a call: four arguments and a key each, and for each message a key and two more."""
    some: list[_Unit] = []
    arguments = _HEAD
    for unit in units:
        more = 5 + 3 * len(unit.messages)
        if some and arguments + more > MOST_ARGUMENTS:
            yield some
            some, arguments = [], _HEAD
        some.append(unit)
        arguments += more
    if some:
        yield some


def _entry(entry: bytes, fields: Sequence[bytes]) -> _Unit:
    named: dict[bytes, Any] = dict(zip(fields[::2], fields[1::2], strict=True))
    if b"b" in named:
        messages = [_lying(each) for each in msgspec.msgpack.decode(named[b"b"], type=list[list[str]])]
    else:
        body = named.get(b"m", b"")
        messages = [Lying(id=named.get(b"i", b"").decode(), body=body, is_kept=b"l" in named)]
    return _Unit(place="stream", id=entry, messages=messages, ordering_key=named.get(b"k", b"").decode())


def _waiting(message_id: bytes, packed: bytes | None) -> _Unit:
    if packed is None:
        return _Unit(place="held", id=message_id, messages=[])
    _, ordering_key, fields = msgspec.msgpack.decode(packed, type=tuple[str, str, list[str]])
    return _Unit(place="held", id=message_id, messages=[_lying(fields)], ordering_key=ordering_key)


def _lying(fields: Sequence[str]) -> Lying:
    named = dict(zip(fields[::2], fields[1::2], strict=True))
    return Lying(id=named.get("i", ""), body=named.get("m", "").encode(), is_kept="l" in named)
