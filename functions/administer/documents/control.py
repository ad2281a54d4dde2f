"""What pausing, processing and purging came to."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from administer.documents.document import Document
from administer.documents.numbers import Pause
from headworks.operations.control import Fate

if TYPE_CHECKING:
    from headworks.operations import control


class Changed(Document):
    """A consumer, or a source, that was to be paused or resumed: how it is now, and whether that is new."""

    queue: str | None
    consumer: str | None
    source: str | None
    paused: Pause | None
    changed: bool

    @classmethod
    def of(cls, changed: control.Changed) -> Changed:
        """A change as it is told."""
        address = changed.address
        return cls(
            queue=None if address is None else address.queue,
            consumer=None if address is None else address.consumer,
            source=changed.source,
            paused=Pause.of(changed.paused),
            changed=changed.changed,
        )


class PauseAnswer(Document):
    """What is paused and resumed now, and what to know of it."""

    changed: list[Changed]
    warnings: list[str]


class ProcessedMessage(Document):
    """A message by SQS's id, or on Redis by its own, and what became of it."""

    id: str
    outcome: Fate


class ProcessAnswer(Document):
    """What one round of processing came to; `unfinished` where it goes on without anybody waiting."""

    received: int
    done: int
    failed: int
    unfinished: bool
    messages: list[ProcessedMessage]

    @classmethod
    def of(cls, processed: control.Processed) -> ProcessAnswer:
        """A round as it is told."""
        fates = list(processed.fates.values())
        return cls(
            received=len(fates),
            done=fates.count(Fate.DONE),
            failed=fates.count(Fate.FAILED),
            unfinished=processed.unfinished,
            messages=[ProcessedMessage(id=id_, outcome=fate) for id_, fate in processed.fates.items()],
        )


class PurgeAnswer(Document):
    """What one round of purging came to; `more` where time ran out."""

    purged: int
    kept: int
    in_flight: int
    more: bool
    before: datetime

    @classmethod
    def of(cls, purged: control.Purged) -> PurgeAnswer:
        """A round as it is told."""
        return cls(
            purged=purged.purged,
            kept=purged.kept,
            in_flight=purged.in_flight,
            more=purged.more,
            before=purged.before,
        )
