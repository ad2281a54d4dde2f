"""How large the cache of the low-latency stack may grow, which is what it may cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from headworks.errors import InvalidDeclaration, excerpt

if TYPE_CHECKING:
    from constructs import Node

# "ElastiCache Serverless: setting scaling limits to manage costs".
MAX_STORAGE_GB = 5_000
LEAST_ECPU_PER_SECOND = 1_000
MAX_ECPU_PER_SECOND = 15_000_000
MAX_SNAPSHOTS = 35
CONTEXT = "low_latency"


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheLimits:
    """What a cache may take: `-c low_latency.storage_gb=...` and its like.

    Above `storage_gb` nothing new is accepted, above `ecpu_per_second` commands are throttled.
    A snapshot is made each day and kept for `snapshot_days`; by default none is, because a queue of
    yesterday that is restored hands out again what was done since.
    """

    storage_gb: int = 10
    ecpu_per_second: int = 100_000
    snapshot_days: int = 0

    def __post_init__(self) -> None:
        _within("storage_gb", self.storage_gb, 1, MAX_STORAGE_GB)
        _within("ecpu_per_second", self.ecpu_per_second, LEAST_ECPU_PER_SECOND, MAX_ECPU_PER_SECOND)
        _within("snapshot_days", self.snapshot_days, 0, MAX_SNAPSHOTS)

    @classmethod
    def from_context(cls, node: Node) -> CacheLimits | None:
        """The limits of the cache that the CDK's context asks for, if it does."""
        wanted = node.try_get_context(CONTEXT)
        if wanted in (None, False, "false"):
            return None
        if wanted not in (True, "true"):
            raise InvalidDeclaration(f"{CONTEXT}={excerpt(str(wanted))}: it is true or false")
        given = {name: node.try_get_context(f"{CONTEXT}.{name}") for name in cls.__slots__}
        return cls(**{name: _whole(name, value) for name, value in given.items() if value is not None})


def _within(name: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise InvalidDeclaration(f"{CONTEXT}.{name}={value}: ElastiCache takes {least:,} to {most:,}")


def _whole(name: str, value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        raise InvalidDeclaration(f"{CONTEXT}.{name}={excerpt(str(value))}: it is a whole number") from None
