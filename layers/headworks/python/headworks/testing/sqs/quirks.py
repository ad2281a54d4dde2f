"""What SQS may do, and mostly doesn't."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """How a queue uses the freedom that SQS's documentation leaves it.

    `shuffle`: a standard queue hands messages out in a random (seeded) order.
    `duplicate`: the chance that a standard queue delivers a message and keeps a copy to
    deliver again, which deleting the first doesn't delete.
    `purge_takes_arrivals`: a purge takes what is sent within the next minute, too.
    `most_in_flight`: messages in flight after which nobody gets any.
    """

    shuffle: bool = False
    duplicate: float = 0.0
    purge_takes_arrivals: bool = False
    most_in_flight: int = 120_000
