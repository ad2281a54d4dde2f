"""What operators send: bodies, and the members of a query string."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from administer.documents.document import Asked, Time
from headworks.ledger import catalogue
from headworks.operations.replays import MOST_NAMED
from headworks.outcome import Fault, Reason

DEFAULT_LIMIT = 50
LONGEST_REASON = 500
LONGEST_NAME = 2048
MOST_AT_ONCE = 10

Why = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_REASON)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME)]
Listable = Literal["dead", "retrying", "waiting", "running"]


def _one_of(*members: str) -> dict[str, Any]:
    """What JSON Schema says of members of which exactly one is given."""
    return {"oneOf": [{"required": [each]} for each in members]}


class Conditions(Asked):
    """What a filter and a query string have in common: all that is given must be true of an item."""

    fault: Fault | None = Field(default=None, alias="class", description="Whose fault it is.")
    error_type: Name | None = Field(default=None, description="The last error's type.")
    error: Name | None = Field(
        default=None, description="A part of the last error, upper and lower case told apart."
    )
    type: Name | None = Field(default=None, description="The message's type.")
    source: Name | None = Field(default=None, description="Where it came from.")
    tenant: Name | None = Field(default=None, description="Whose it is.")
    key: Name | None = Field(default=None, description="Its idempotency key.")
    ordering_key: Name | None = Field(default=None, description="What it is ordered by.")
    since: Time | None = Field(default=None, description="Not before.")
    until: Time | None = Field(default=None, description="Before.")

    def meant(self) -> catalogue.Filter:
        """The filter as the catalogue takes it."""
        return catalogue.Filter(
            reasons=self._reasons(),
            fault=self.fault,
            error_type=self.error_type,
            error=self.error,
            type=self.type,
            source=self.source,
            tenant=self.tenant,
            key=self.key,
            ordering_key=self.ordering_key,
            since=self.since,
            until=self.until,
        )

    def _reasons(self) -> frozenset[Reason]:
        return frozenset()


class Filter(Conditions):
    """Which dead letters: those that all of it is true of."""

    reasons: list[Reason] | None = Field(default=None, description="Dead for one of these reasons.")

    def _reasons(self) -> frozenset[Reason]:
        return frozenset(self.reasons or ())


class ListingQuery(Conditions):
    """What a list is asked: a state, a filter, and which part of it."""

    state: Listable = Field(default="dead", description="Which list.")
    consumer: str | None = Field(default=None, description="One consumer's alone.")
    reason: list[Reason] | None = Field(default=None, description="Dead for this reason; may be repeated.")
    limit: int = Field(default=DEFAULT_LIMIT, description="How many, clamped to 1 to 1,000.")
    cursor: str | None = Field(default=None, description="Where the last page ended.")
    groups: bool = Field(default=False, description="Groups of equal errors instead of items.")

    def _reasons(self) -> frozenset[Reason]:
        return frozenset(self.reason or ())


class PauseRequest(Asked):
    """Which consumer is to be paused, all of the queue's unless it is named, and why."""

    consumer: str | None = None
    reason: Why | None = None


class ResumeRequest(Asked):
    """Which consumer is to be resumed, all of the queue's unless it is named."""

    consumer: str | None = None


class SourcePauseRequest(Asked):
    """Why a source is to be paused."""

    reason: Why | None = None


class ProcessRequest(Asked):
    """How many messages are to be processed, and by which of several consumers."""

    batch_size: int = Field(default=MOST_AT_ONCE, ge=1, le=MOST_AT_ONCE)
    consumer: str | None = None


class PurgeRequest(Asked):
    """What is to be purged: `confirm` repeats the queue's name."""

    confirm: str
    consumer: str | None = None
    before: Time | None = None


class PayloadRequest(Asked):
    """A payload: a JSON value, or bytes in base64."""

    model_config = ConfigDict(json_schema_extra=_one_of("data", "dataBase64"))

    data: Any = None
    data_base64: str | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> PayloadRequest:
        if ("data" in self.model_fields_set) == (self.data_base64 is not None):
            raise ValueError("give either data or dataBase64")
        return self


class ReplayRequest(Asked):
    """Which dead letters are to be put back, and how; exactly one of `ids`, `filter` and `all` says which."""

    model_config = ConfigDict(json_schema_extra=_one_of("ids", "filter", "all"))

    ids: list[Name] | None = Field(default=None, min_length=1, max_length=MOST_NAMED)
    filter: Filter | None = None
    all: Literal[True] | None = None
    consumer: str | None = None
    id: Annotated[str, StringConstraints(pattern=r"^rpl_[0-9a-f]{32}$")] | None = None
    dry_run: bool = False
    first: int | None = Field(default=None, ge=1)
    rate: float | None = Field(default=None, gt=0, le=10_000)
    again: bool = False
    any_number: bool = False
    stop_after: int | None = Field(default=None, ge=1)
    reason: Why | None = None

    @model_validator(mode="after")
    def _one_selection(self) -> ReplayRequest:
        given = [name for name in ("ids", "filter", "all") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of ids, filter and all, not {' and '.join(given) or 'none'}")
        return self
