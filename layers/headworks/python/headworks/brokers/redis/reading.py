"""Entries as the server answers them, made into deliveries."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from headworks.brokers.redis.delivered import Received

if TYPE_CHECKING:
    from collections.abc import Sequence

_run_decoder = msgspec.msgpack.Decoder(list[list[str]])


def read(entry: bytes, fields: Sequence[bytes], *, count: int, deadline: float) -> list[Received]:
    """The deliveries of one entry: one, or as many as its run has members."""
    if len(fields) == 4 and fields[2] == b"m":
        return [Received(entry, count, fields[1].decode(), fields[3], deadline)]
    named = dict(zip(fields[::2], fields[1::2], strict=True))
    if b"b" in named:
        members = _run_decoder.decode(named[b"b"])
        return [
            _received(entry, _named(member), count, deadline, position=position, run=len(members))
            for position, member in enumerate(members)
        ]
    return [_received(entry, named, count, deadline)]


def is_run(fields: Sequence[bytes]) -> bool:
    """Whether an entry holds several messages."""
    return b"b" in fields[::2]


def value(fields: Sequence[bytes], name: bytes) -> bytes:
    """One field of an entry; empty where it has none of the name."""
    return dict(zip(fields[::2], fields[1::2], strict=True)).get(name, b"")


def _received(
    entry: bytes, named: dict[bytes, bytes], count: int, deadline: float, *, position: int = 0, run: int = 1
) -> Received:
    ordering_key = named.get(b"k")
    return Received(
        entry=entry,
        count=count,
        message_id=named.get(b"i", entry).decode(),
        body=named.get(b"m", b""),
        deadline=deadline,
        ordering_key=None if ordering_key is None else ordering_key.decode(),
        state=named.get(b"s", b""),
        resent=b"r" in named,
        position=position,
        run=run,
        kept=b"l" in named,
    )


def _named(member: Sequence[str]) -> dict[bytes, bytes]:
    return {name.encode(): text.encode() for name, text in zip(member[::2], member[1::2], strict=True)}
