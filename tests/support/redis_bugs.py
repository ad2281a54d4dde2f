"""Known mistakes in queues on Redis, to be planted: the machine must notice each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from headworks.brokers.redis import delivered
from headworks.brokers.redis.keys import ConsumerKeys, Keys
from headworks.brokers.redis.scripts import Scripts
from tests.support.guarded_scripts import guarded

if TYPE_CHECKING:
    import pytest


class SharedMarks(Keys):
    """Finished work of one consumer is finished for all."""

    def of(self, consumer: str) -> ConsumerKeys:
        return with_keys(super().of(consumer), done=(f"{self.tag}:done:0", f"{self.tag}:done:1"))


class SharedStream(Keys):
    """One stream for all consumers: whoever settles first deletes what the others need."""

    def of(self, consumer: str) -> ConsumerKeys:
        return with_keys(super().of(consumer), stream=f"{self.tag}:stream")


def with_keys(keys: ConsumerKeys, **others: Any) -> ConsumerKeys:
    changed = replace(keys)
    for name, value in others.items():
        object.__setattr__(changed, name, value)
    return changed


@dataclass(frozen=True, kw_only=True)
class Bug:
    """A mistake: another text in the scripts, other keys, or another number in the code."""

    name: str
    old: str = ""
    new: str = ""
    keys: type[Keys] = Keys
    innocent_deliveries: int | None = None
    fifo: bool = False
    # Long runs are needed before it shows: `make chaos` plants it, `make test` doesn't.
    shows_late: bool = False

    def scripts(self) -> Scripts:
        """All scripts with the mistake in them.  Raises `AssertionError` if its place is gone."""
        planted: set[str] = set()

        def plant(name: str, source: str) -> str:
            if self.old and self.old in source:
                planted.add(name)
                source = source.replace(self.old, self.new)
            return guarded(name, source)

        scripts = Scripts(plant)
        assert planted or not self.old, f"{self.name}: the scripts say nowhere {self.old!r}"
        return scripts

    def plant(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What isn't in the scripts."""
        if self.innocent_deliveries is not None:
            monkeypatch.setattr(delivered, "INNOCENT_DELIVERIES", self.innocent_deliveries)


BUGS = (
    Bug(
        name="a fence by name only",
        shows_late=True,
        old="return known == delivery_count",
        new="return known and true or false",
    ),
    Bug(
        name="a heartbeat that doesn't look whose it is",
        old="  if holds(ARGV[i], delivery_count) then\n    by_count",
        new="  if true then\n    by_count",
    ),
    Bug(
        name="a promote that doesn't gate FIFO",
        old="if marked or not holds then return false, ordering_key end",
        new="",
        fifo=True,
    ),
    Bug(
        name="the body is the member of the sorted set",
        old="local function hold(due, held, message_id, at, kind, ordering_key, fields)",
        new="local function hold(due, held, _, at, kind, ordering_key, fields)\n"
        "  local message_id = field(fields, 'm')",
    ),
    Bug(name="prefetched deliveries are counted as crashes", innocent_deliveries=1),
    Bug(
        name="a name is removed with deliveries pending under it",
        old="if #pending == 0 then",
        new="if true then",
    ),
    Bug(name="a mark is shared by consumers", keys=SharedMarks),
    Bug(name="an entry is deleted that another consumer needs", keys=SharedStream),
    Bug(
        name="a retry lets go of its ordering key",
        shows_late=True,
        old="    redis.call('HSET', busy, ordering_key, 'due ' .. message_id)",
        new="    redis.call('HDEL', busy, ordering_key)",
        fifo=True,
    ),
    Bug(
        name="a hand-back counts as a delivery",
        old="'RETRYCOUNT', delivery_count - 1, 'JUSTID'",
        new="'RETRYCOUNT', delivery_count, 'JUSTID'",
    ),
    Bug(
        name="a retry is lost on its way out of the stream",
        old="  redis.call('HSET', held, message_id, cmsgpack.pack({ kind, ordering_key, fields }))",
        new="  if kind == 'delayed' then redis.call('HSET', held, message_id,"
        " cmsgpack.pack({ kind, ordering_key, fields })) end",
    ),
    Bug(
        name="work that was finished late is run again",
        shows_late=True,
        old="    redis.call('HSET', key, message_id, time)",
        new="",
    ),
    Bug(
        name="the rest of a run is dropped",
        shows_late=True,
        old="for i = #members, rest, -1 do redis.call('LPUSH', parked, cmsgpack.pack(members[i])) end",
        new="",
        fifo=True,
    ),
    Bug(
        name="suspects come together",
        old="local claimed = redis.call('XCLAIM', stream, group, consumer, lease, id)",
        new="local claimed = redis.call('XCLAIM', stream, group, consumer, lease, id)\n"
        "  if suspects[2] then back = redis.call('XCLAIM', stream, group, consumer, lease, suspects[2][1]) end",
    ),
    Bug(
        name="a busy process is given a suspect",
        old="if idle and #suspects > 0",
        new="if #suspects > 0",
    ),
)
