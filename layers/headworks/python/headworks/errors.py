"""Everything that Headworks raises, under one root; what each means for whoever catches it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headworks.fault import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from headworks.message import Message

LONGEST_EXCERPT = 120


def excerpt(value: object) -> str:
    """A wrong value, fit for an error message: quoted, and cut where it is long."""
    text = repr(value)
    return text if len(text) <= LONGEST_EXCERPT else f"{text[:LONGEST_EXCERPT]}... ({len(text)} characters)"


class HeadworksError(Exception):
    """The root: catch it to catch whatever Headworks raises on purpose.

    `fault` is whose it is, for whoever has to look after it.
    """

    fault = Fault.PIPELINE


class InvalidDeclaration(HeadworksError, ValueError):
    """A declaration that can't work; refused when it is made, before anything is deployed."""


class InvalidQueue(InvalidDeclaration):
    """A queue that can't work as declared."""


class InvalidMessage(HeadworksError, ValueError):
    """A message that can't be sent as asked; nothing was sent."""


class MissingSetting(HeadworksError):
    """A function was started without a setting that its deployment gives it."""

    def __init__(self, variable: str, what_for: str) -> None:
        super().__init__(f"the environment variable {variable} is missing: {what_for}")


class Undecodable(HeadworksError):
    """A body that isn't the queue's payload type.  Trying again can't help."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"{where}: {why}")


class MissingObject(HeadworksError):
    """A claim-checked body that is gone from its bucket.  Trying again can't help."""


class Unavailable(HeadworksError):
    """A store or transport of our own didn't answer.  Never counted as the message's attempt."""

    def __init__(self, what: str, why: object) -> None:
        super().__init__(f"{what} is unavailable: {why}")


class Retry(HeadworksError):
    """Raised by a handler: this attempt failed, try again later.

    `after` asks for a wait of its own (an endpoint's `Retry-After`) in place of the
    policy's delay; the policy's `longest` bounds it.  `fault` says whose fault it is, and is
    kept with the failure.
    """

    def __init__(
        self, why: str = "", *, after: timedelta | None = None, fault: Fault = Fault.PIPELINE
    ) -> None:
        super().__init__(why)
        self.after = after
        self.fault = fault


class Reject(HeadworksError):
    """Raised by a handler: this message can't be processed, now or later.  It is dead at once.

    `fault` says whose fault it is, and is kept with the failure.
    """

    def __init__(self, why: str = "", *, fault: Fault = Fault.PIPELINE) -> None:
        super().__init__(why)
        self.fault = fault


class Failed(HeadworksError):
    """Raised by a handler of batches: these messages failed, each with an error of its own; all others are done.

    An error means what it would mean if a handler of that message alone had raised it: `Retry`,
    `Reject`, or anything else.
    """

    def __init__(self, errors: Mapping[Message[Any], Exception]) -> None:
        if not errors:
            raise ValueError("Failed names no message: where nothing failed, return")
        for message, error in errors.items():
            if not isinstance(error, Exception):
                raise TypeError(f"{message.id} failed with {excerpt(error)}, which isn't an exception")
        super().__init__(f"{len(errors)} of a batch failed")
        self.errors = dict(errors)


class UnknownMessage(HeadworksError):
    """A handler of batches named a message that its batch doesn't hold, so nobody knows which of them are done."""

    def __init__(self, queue: str, ids: Sequence[str]) -> None:
        super().__init__(
            f"{queue}: the handler named {excerpt(', '.join(ids))} as failed, which isn't in its batch: "
            "name messages as they were handed over"
        )
