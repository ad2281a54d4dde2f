"""From a call to its answer: the right node, unknown scripts, lost connections.  No I/O.

One node owns all of a queue's keys.  We start at the address that we were given and go
where a node sends us, so single servers and clusters are spoken to alike.
"""

from __future__ import annotations

import random
import time
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import hiredis
import msgspec

from headworks.brokers.redis.operation import Lost, Pause, Refused, packed
from headworks.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from headworks.brokers.redis.operation import Argument, Call

Node = tuple[str, int]

PATIENCE_SECONDS = 5.0
FIRST_PAUSE_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 1.0
MOST_REDIRECTIONS = 8
_SOON = ("TRYAGAIN", "CLUSTERDOWN", "LOADING", "MASTERDOWN", "READONLY", "BUSY ")


class Send(msgspec.Struct, frozen=True, gc=False):
    """Bytes for a node, which answers them so many times; the last answer is wanted."""

    node: Node
    data: bytes
    answers: int
    blocks: float


class Route:
    """Where a queue's slot is, as far as one connection knows."""

    def __init__(self, start: Node) -> None:
        self.start = start
        self.node = start


Conversation = Generator["Send | Pause", Any, Any]


def converse(
    call: Call,
    route: Route,
    *,
    patience: float = PATIENCE_SECONDS,
    now: Callable[[], float] = time.monotonic,
    draw: Callable[[], float] = random.random,
) -> Conversation:
    """Get a call answered, within `patience` seconds or a little more.

    Raises `Refused`, and `Unavailable` when that takes too long.
    """
    talk = _Talk(call, route)
    give_up_at = now() + patience
    failures = 0
    while True:
        try:
            answer = yield talk.next_step()
        except Lost as lost:
            talk.start_over()
            if not call.repeatable or now() >= give_up_at:
                raise Unavailable("Redis", lost) from lost
        else:
            if not isinstance(answer, hiredis.ReplyError):
                return answer
            error = str(answer)
            if talk.follow(error):
                continue
            if not error.startswith(_SOON) or now() >= give_up_at:
                raise Refused(error)
            talk.start_over()
        failures += 1
        yield Pause(_pause_after(failures, draw))


class _Talk:
    """One call: what to send where next."""

    def __init__(self, call: Call, route: Route) -> None:
        self._call = call
        self._route = route
        self._data = _data(call, whole=False)
        self._is_whole = False
        self._asked: Node | None = None
        self._redirections = 0

    def next_step(self) -> Send:
        """Bytes for whoever is to answer now; a node that we were told to ask is asked once."""
        node, self._asked = self._asked, None
        if node is None:
            return Send(self._route.node, self._data, 1, self._call.blocks)
        return Send(node, packed(("ASKING",)) + self._data, 2, self._call.blocks)

    def follow(self, error: str) -> bool:
        """Whether this error says what to do instead."""
        if error.startswith("NOSCRIPT") and not self._is_whole:
            self._data, self._is_whole = _data(self._call, whole=True), True
            return True
        if not error.startswith(("MOVED ", "ASK ")) or self._redirections >= MOST_REDIRECTIONS:
            return False
        self._redirections += 1
        node = _node_in(error, self._route.node)
        if error.startswith("MOVED"):
            self._route.node = node
        else:
            self._asked = node
        return True

    def start_over(self) -> None:
        """From the address that we were given: the nodes may have changed."""
        self._route.node, self._asked = self._route.start, None


def _data(call: Call, *, whole: bool) -> bytes:
    if call.script is None:
        return packed(tuple(call.arguments))
    head: tuple[Argument, ...] = ("EVAL", call.script.source) if whole else ("EVALSHA", call.script.sha)
    return packed((*head, len(call.keys), *call.keys, *call.arguments))


def _node_in(error: str, current: Node) -> Node:
    """`MOVED 3999 host:port`; without a host it is the one that answered."""
    host, _, port = error.split(" ")[2].rpartition(":")
    return (host or current[0], int(port))


def _pause_after(failures: int, draw: Callable[[], float]) -> float:
    longest = min(FIRST_PAUSE_SECONDS * 2.0 ** min(failures, 10), LONGEST_PAUSE_SECONDS)
    return longest * (0.5 + draw() / 2)
