"""Replays as they are told."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import Field

from administer.documents.document import Document
from headworks.operations.replays import Standing
from headworks.outcome import Fault, Reason

if TYPE_CHECKING:
    from headworks.ledger import catalogue
    from headworks.operations import replays


class SelectedBy(Document):
    """A filter as it was given."""

    reasons: list[Reason]
    fault: Fault | None = Field(alias="class")
    error_type: str | None
    error: str | None
    type: str | None
    source: str | None
    tenant: str | None
    key: str | None
    ordering_key: str | None
    since: datetime | None
    until: datetime | None

    @classmethod
    def of(cls, only: catalogue.Filter) -> SelectedBy:
        """A filter of the catalogue."""
        return cls.model_validate(
            {
                "reasons": sorted(only.reasons),
                "class": only.fault,
                "error_type": only.error_type,
                "error": only.error,
                "type": only.type,
                "source": only.source,
                "tenant": only.tenant,
                "key": only.key,
                "ordering_key": only.ordering_key,
                "since": only.since,
                "until": only.until,
            }
        )


class Selection(Document):
    """Which dead letters were asked for."""

    ids: list[str] | None
    filter: SelectedBy | None
    all: bool

    @classmethod
    def of(cls, selection: replays.Selection) -> Selection:
        """A selection of a replay."""
        return cls(
            ids=list(selection.names) or None,
            filter=None if selection.only is None else SelectedBy.of(selection.only),
            all=not selection.names and selection.only is None,
        )


class Skipped(Document):
    """Messages that weren't sent, by why."""

    completed: int
    busy: int
    too_often: int
    gone: int
    not_kept: int

    @classmethod
    def of(cls, skipped: replays.Skipped) -> Skipped:
        """What a replay skipped."""
        return cls(
            completed=skipped.completed,
            busy=skipped.busy,
            too_often=skipped.too_often,
            gone=skipped.gone,
            not_kept=skipped.not_kept,
        )


class Replay(Document):
    """A replay as it stands."""

    id: str
    queue: str
    consumer: str | None
    state: Standing
    stopped_because: str | None
    selection: Selection
    first: int | None
    rate: float | None
    again: bool
    any_number: bool
    stop_after: int | None
    by: str
    reason: str | None
    asked_at: datetime
    ended_at: datetime | None
    selected: int | None
    sent: int
    skipped: Skipped
    failed_again: int
    ordering_keys: int | None
    notes: list[str]

    @classmethod
    def of(cls, replay: replays.Replay) -> Replay:
        """A replay of the library's."""
        request = replay.request
        return cls(
            id=request.id,
            queue=request.queue,
            consumer=request.consumer,
            state=replay.standing,
            stopped_because=replay.stopped_because,
            selection=Selection.of(request.selection),
            first=request.first,
            rate=request.rate,
            again=request.again,
            any_number=request.any_number,
            stop_after=request.stop_after,
            by=request.by,
            reason=request.reason,
            asked_at=replay.asked_at,
            ended_at=replay.ended_at,
            selected=replay.selected,
            sent=replay.sent,
            skipped=Skipped.of(replay.skipped),
            failed_again=replay.failed_again,
            ordering_keys=replay.ordering_keys,
            notes=list(replay.notes),
        )


class Running(Document):
    """The replays that go on."""

    replays: list[Replay]
