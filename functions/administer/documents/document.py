"""What every document of the admin API has in common."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict
from pydantic.alias_generators import to_camel

_DATED = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:")


class Document(BaseModel):
    """A JSON object with a fixed set of members, in camel case: it has all of these and no other."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, serialize_by_alias=True, extra="forbid", frozen=True
    )


class Asked(Document):
    """An object that somebody sends: by the names that are written down, and no others."""

    model_config = ConfigDict(validate_by_name=False)


def _written_out(value: Any) -> Any:
    """A time as ISO 8601 has it, where a number would do else."""
    if not (isinstance(value, datetime) or (isinstance(value, str) and _DATED.match(value))):
        raise ValueError("write a time by ISO 8601, 2026-01-31T23:59:59Z")
    return value


def _in_utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("this time is outside of the years 1 to 9999 in UTC") from error


# What somebody gives: it says its offset from UTC.
Time = Annotated[AwareDatetime, BeforeValidator(_written_out), AfterValidator(_in_utc)]
