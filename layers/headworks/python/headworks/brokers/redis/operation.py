"""Operations: what to say to Redis and what its answers mean, without saying it.

An operation is a generator.  It yields what it wants done, a `Call` or a `Pause`, and is sent
the answer; what it returns is its result.  The same one runs over a blocking connection and
over one of asyncio.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, TypeVar

import hiredis
import msgspec

from headworks.errors import HeadworksError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from headworks.brokers.redis.scripts import Script

T = TypeVar("T")
Argument = str | bytes | int
Operation = Generator["Call | Pause", Any, T]

# What ElastiCache Serverless takes in one command, its name and all keys included.
MOST_ARGUMENTS = 3_999


class Call(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One command, or one call of a script.

    `blocks` is how many seconds the server may take before it answers on purpose.  One that
    isn't `repeatable` fails when its answer is lost, instead of being sent again.
    """

    arguments: Sequence[Argument]
    keys: Sequence[str] = ()
    script: Script | None = None
    blocks: float = 0
    repeatable: bool = True


class Pause(msgspec.Struct, frozen=True, gc=False):
    """Nothing, for some seconds."""

    seconds: float


class Lost(HeadworksError):
    """A connection that broke, or an answer that didn't come in time: nobody knows whether the call was executed."""


class Refused(Unavailable):
    """The server answered with an error."""

    def __init__(self, error: str) -> None:
        super().__init__("Redis", error)
        self.error = error

    def says(self, *codes: str) -> bool:
        """Whether its error is one of these."""
        return self.error.startswith(codes)


def packed(arguments: tuple[Argument, ...]) -> bytes:
    """A command as it goes over the wire."""
    data: bytes = hiredis.pack_command(arguments)  # type: ignore[arg-type]  # its stub takes tuples of one
    return data


def command(*arguments: Argument, blocks: float = 0, repeatable: bool = True) -> Call:
    """A plain command."""
    return Call(arguments=arguments, blocks=blocks, repeatable=repeatable)
