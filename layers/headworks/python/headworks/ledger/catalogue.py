"""Reading the ledger: what is dead, retrying, waiting or running, and single items whole.

A catalogue changes nothing.  It speaks of several consumers at once, where a ledger is one
consumer's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

from headworks.errors import HeadworksError
from headworks.ledger.ledger import State
from headworks.outcome import Fault, Reason

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from headworks.ledger.ledger import Entry, Failure, Letter
    from headworks.queue import Queue

MOST_LISTED = 1000


class Address(NamedTuple):
    """Whose ledger: a queue and one of its consumers."""

    queue: str
    consumer: str


def addresses_of(queues: Iterable[Queue]) -> list[Address]:
    """The ledgers of these queues' consumers."""
    return [Address(queue.name, consumer) for queue in queues for consumer in queue.consumers]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An item as lists show it.

    `at` is when it died (dead), is due (retrying, waiting) or started (running from the
    second attempt on); an item in another state is on no list and has none.  The error is
    the last one, cut short, and `fault` whose it was.  `replay` is the last replay that put it
    back, `replays` how many did, `earlier` the attempts before it.
    """

    address: Address
    entry: Entry
    state: State
    attempt: int
    crashes: int = 0
    at: datetime | None = None
    reason: Reason | None = None
    error_type: str = ""
    error: str = ""
    fault: Fault | None = None
    replay: str | None = None
    replays: int = 0
    earlier: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What is on record of one replay of a message."""

    replay: str
    at: datetime
    by: str
    reason: str | None = None
    again: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """Who changed a dead letter's message last."""

    at: datetime
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """An item whole: what lists show of it, its failed attempts, and the message of a dead or waiting one.

    `lease_ends` is when the lease of a running one ends.  `original` is the first message of one
    that was edited.
    """

    listed: Listed
    history: tuple[Failure, ...] = ()
    letter: Letter | None = None
    lease_ends: datetime | None = None
    due: datetime | None = None
    original: Letter | None = None
    edited: Edited | None = None
    replayed: tuple[Replayed, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which items of a list: those that all of it is true of; an empty one takes all.

    `error` is a part of the error's text, upper and lower case told apart.  The time is
    `since <= at < until`.  `replay` is the last one that put it back.
    """

    reasons: frozenset[Reason] = frozenset()
    fault: Fault | None = None
    error_type: str | None = None
    error: str | None = None
    type: str | None = None
    source: str | None = None
    tenant: str | None = None
    key: str | None = None
    ordering_key: str | None = None
    replay: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def takes(self, listed: Listed) -> bool:
        """Whether all of it is true of an item."""
        equal = (
            (self.fault, listed.fault),
            (self.error_type, listed.error_type),
            (self.type, listed.entry.type),
            (self.source, listed.entry.source),
            (self.tenant, listed.entry.tenant),
            (self.key, listed.entry.key),
            (self.ordering_key, listed.entry.ordering_key),
            (self.replay, listed.replay),
        )
        return (
            all(wanted in (None, found) for wanted, found in equal)
            and (not self.reasons or listed.reason in self.reasons)
            and (self.error is None or self.error in listed.error)
            and (self.since is None or (listed.at is not None and self.since <= listed.at))
            and (self.until is None or (listed.at is not None and listed.at < self.until))
        )


EVERYTHING = Filter()
NO_KEYS: Mapping[Address, Collection[str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A part of a list.  There is more where there is a cursor, even if the page holds fewer than were asked for."""

    items: tuple[Listed, ...]
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many; where `is_exact` is false, at least that."""

    number: int
    is_exact: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Items whose errors are alike: numbers, ids and quoted texts don't tell them apart.

    `error` is what they have in common, with `...` where they differ; `example` is the newest one.
    """

    count: int
    reason: Reason | None
    error_type: str
    error: str
    first: datetime
    last: datetime
    example: Listed


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """The groups of a list, the largest first and a thousand at most, and how many items all of them are of."""

    groups: tuple[Group, ...]
    total: Count


class InvalidCursor(HeadworksError, ValueError):
    """A cursor that belongs to no page of this list."""


class Catalogue(Protocol):
    """Everybody's ledgers, to be read.  Every method raises `Unavailable` when their store doesn't answer."""

    def page(
        self,
        state: State,
        addresses: Collection[Address],
        *,
        only: Filter = EVERYTHING,
        limit: int,
        cursor: str | None = None,
        oldest_first: bool = False,
    ) -> Page:
        """These consumers' items in a state, at most `limit` (1 to 1,000), from where `cursor` stands.

        Dead ones newest first unless asked for otherwise, the others by their time.  A dead letter that
        is being put back is listed among the dead, in the state `replaying`.  Raises `InvalidCursor`.
        """

    def count(
        self, state: State, addresses: Collection[Address], *, only: Filter = EVERYTHING, most: int
    ) -> Count:
        """How many items a list has; no more than about `most` are counted."""

    def groups(
        self, state: State, addresses: Collection[Address], *, only: Filter = EVERYTHING, most: int
    ) -> Groups:
        """The items of a list by their errors; no more than about `most` are read."""

    def find(
        self, name: str, addresses: Collection[Address], *, keys: Mapping[Address, Collection[str]] = NO_KEYS
    ) -> list[Story]:
        """The items of a message id or an idempotency key, at most one for each consumer and key.

        `keys` are others that may be meant, by consumer: they are read together with it.
        """

    def item(self, address: Address, key: str) -> Listed | None:
        """A consumer's item of a key, as it is now: lists may lag behind."""
