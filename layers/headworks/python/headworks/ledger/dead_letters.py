"""What is done to dead letters, one consumer's: put back, edited, taken away.  The contract."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from headworks.ledger.ledger import Entry, Letter, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Putting:
    """Who puts dead letters back, and what goes on record with each.

    The same replay may claim what it has claimed before and not sent; `again` takes what is completed, too;
    only what died before `died_before` is taken; `most` bounds a message's replays.
    """

    replay: str
    by: str
    at: datetime
    died_before: datetime
    reason: str | None = None
    again: bool = False
    most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to put one dead letter back, until `ends`: its letter, and which replay of the message this is.

    `token` tells this claim from every other one, and its sending from other sendings.  `was` is the state
    that it was found in, `body_version` tells its letter from later ones of the key.
    """

    entry: Entry
    replay: str
    number: int
    attempt: int
    ends: datetime
    letter: Letter
    token: str
    was: State
    generation: int = 0
    body_version: str = ""

    @property
    def sending(self) -> str:
        """What tells this sending of the message from every other: FIFO swallows a repeat of the same one."""
        return f"replay/{self.number}/{self.token}"


class Refusal(StrEnum):
    """Why a key can't be claimed; the names of `headworks.operations.replays.Skipped`, and one more.

    `SENT`: this very replay has put it back already, whatever became of it since.
    """

    COMPLETED = "completed"
    BUSY = "busy"
    TOO_OFTEN = "too_often"
    GONE = "gone"
    NOT_KEPT = "not_kept"
    SENT = "sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A message that was taken away for good, and the state that it was in."""

    entry: Entry
    was: State


class DeadLetters(Protocol):
    """One consumer's.  Every method raises `Unavailable` when its store doesn't answer.

    Put back in three steps: claimed, sent, marked.  A claim that isn't marked by its end is a dead letter
    again, whatever became of its message: a copy of that is absorbed.
    """

    def claim(self, keys: Sequence[str], putting: Putting, *, lasts: timedelta) -> list[Claim | Refusal]:
        """Claim these keys, each once; one answer each."""

    def sent(self, claims: Sequence[Claim]) -> None:
        """Their messages are on the queue: no dead letters any more.  One that runs already is left alone."""

    def give_back(self, claims: Sequence[Claim]) -> None:
        """They weren't sent: dead letters, or completed, as before."""

    def edit(self, key: str, letter: Letter, *, by: str) -> State | None:
        """Change the message of a dead letter; the first one is kept beside it.

        Answers the state that the key was in: it was changed where that is `dead`.
        """

    def take_away(self, key: str) -> Taken | State | None:
        """Delete a dead or waiting message and its body; otherwise the state that it is in.

        A waiting one that is due within moments is on its way, and stays.
        """
