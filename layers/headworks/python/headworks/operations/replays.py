"""Replays: what an operator asks for, what became of it so far, and the contract of who does it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from headworks.errors import HeadworksError
from headworks.ledger.catalogue import Filter

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

# A message that was put back so often and died again won't do better the next time.
MOST_REPLAYS = 10
MOST_NAMED = 1000
# Unless a number is given, a replay stops when so many have failed again and they are this share of what was sent.
FAILED_AGAIN_AT_LEAST = 10
FAILED_AGAIN_SHARE = 0.1


class Standing(StrEnum):
    """Where a replay stands."""

    RUNNING = "running"
    FINISHED = "finished"
    STOPPED = "stopped"
    DRY_RUN = "dry run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which dead letters: these message ids or keys, or those that all of a filter is true of, or (neither) all."""

    names: tuple[str, ...] = ()
    only: Filter | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayRequest:
    """What was asked for.  `rate` is messages a second; `consumer` is all of the queue's where it is none.

    `by` and `reason` go on record, with the replay and with each message.
    """

    id: str
    queue: str
    selection: Selection
    by: str
    consumer: str | None = None
    reason: str | None = None
    first: int | None = None
    rate: float | None = None
    again: bool = False
    any_number: bool = False
    stop_after: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """Messages that weren't sent.

    `completed`: done under their key, and not asked for `again`; `busy`: on their way already;
    `too_often`: replayed `MOST_REPLAYS` times; `gone`: nothing of that name is dead; `not_kept`:
    there is no payload to send.
    """

    completed: int = 0
    busy: int = 0
    too_often: int = 0
    gone: int = 0
    not_kept: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """A replay as it stands.  It takes what died before `asked_at`.

    `selected` is counted by a dry run, and for a selection by names; `ordering_keys` by a dry run of a FIFO queue.
    """

    request: ReplayRequest
    asked_at: datetime
    standing: Standing
    sent: int = 0
    skipped: Skipped = field(default_factory=Skipped)
    failed_again: int = 0
    selected: int | None = None
    ordering_keys: int | None = None
    stopped_because: str | None = None
    ended_at: datetime | None = None
    notes: tuple[str, ...] = ()


class ReplayConflict(HeadworksError):
    """The id belongs to a replay that asks for something else."""


class Replays(Protocol):
    """Who does replays.  Every method raises `Unavailable` when the ledger doesn't answer."""

    def count(self, request: ReplayRequest) -> Replay:
        """What it would send, and what that means: a dry run."""

    def start(self, request: ReplayRequest) -> Replay:
        """Write a replay down; one of the same id is answered as it stands.  Raises `ReplayConflict`."""

    def work(self, id_: str, *, remaining: Callable[[], timedelta]) -> Replay | None:
        """Carry a replay on until it has ended or no time remains, and answer how it stands.

        One that somebody else is at work on is left to them.  Killed at any point, it is carried on
        where it was, and each message is sent as if once.
        """

    def find(self, id_: str) -> Replay | None:
        """A replay as it stands."""

    def stop(self, id_: str, *, because: str) -> Replay | None:
        """Let a replay end where it is."""

    def running(self) -> list[Replay]:
        """Those that go on."""
