"""What a handler may ask about the attempt, or the attempts, that it is."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from headworks.errors import HeadworksError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from headworks.ledger.ledger import Failure
    from headworks.message import Message

    Logger = logging.LoggerAdapter[logging.Logger]


def _plain_logger() -> Logger:
    return logging.LoggerAdapter(logging.getLogger(__name__), {})


class NotExtendable(HeadworksError):
    """A handler asked for more time where nobody can give it."""


def refuse_to_extend(by: timedelta) -> None:
    """On Lambda, and on SQS, a run has the time of its batch, and no more."""
    raise NotExtendable(
        f"a run can't be given {by} more here: its time is its batch's; declare a longer timeout of the queue, "
        "or take the queue over Redis with a worker"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """This attempt: given to a handler that takes a second parameter.

    `attempt` counts from 1 up to `max_attempts`, anew where the message was replayed; `history`
    holds the failed ones before it, of all its life, the first and the latest.  `remaining_time()`
    is what the handler may still use; in a worker of a Redis queue `extend(by)` adds to it,
    elsewhere it raises `NotExtendable`.  `idempotency_key` is the same on every attempt: pass it on
    to whatever the effect calls, as `traceparent` (W3C) to whatever should appear in the same
    trace.  An operator who has a completed message run again makes it another key, `<key>.again<n>`.  Lines of `logger`
    name the message, the attempt and the trace.
    """

    queue: str
    consumer: str
    message_id: str
    idempotency_key: str
    attempt: int
    max_attempts: int
    remaining_time: Callable[[], timedelta]
    extend: Callable[[timedelta], None] = refuse_to_extend
    history: tuple[Failure, ...] = ()
    traceparent: str | None = None
    logger: Logger = field(default_factory=_plain_logger, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchContext:
    """These attempts: given to a handler of batches that takes a second parameter.

    `of(message)` is what a handler of single messages gets: each message has an attempt, a history
    and a key of its own.  `remaining_time()` is what the handler may still use, for all of them.
    """

    queue: str
    consumer: str
    remaining_time: Callable[[], timedelta]
    contexts: Mapping[Message[Any], Context] = field(repr=False)
    logger: Logger = field(default_factory=_plain_logger, repr=False, compare=False)

    def of(self, message: Message[Any]) -> Context:
        """The attempt that this message of the batch is on.  Raises `KeyError` for one of another batch."""
        return self.contexts[message]
