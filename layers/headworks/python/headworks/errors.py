"""Everything that Headworks raises, under one root; what each means for whoever catches it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headworks.fault import Fault

if TYPE_CHECKING:
    from datetime import timedelta

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
