"""What functions tell of themselves: one JSON line an action, and counts.

A line carries ids and outcomes, never a body, a header or a secret.
"""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    """What a log line is about: its field `action`.  The timeline of the local run reads these."""

    RECEIVED = "received"
    REFUSED = "refused"
    DUPLICATE = "duplicate"
    QUEUED = "queued"
    NOT_QUEUED = "not_queued"
    QUARANTINED = "quarantined"
    STARTED = "started"
    DONE = "done"
    RETRY = "retry"
    DEFERRED = "deferred"
    DEAD = "dead"
