"""What every document of the admin API has in common."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Document(BaseModel):
    """A JSON object with a fixed set of members, in camel case: it has all of these and no other."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, serialize_by_alias=True, extra="forbid", frozen=True
    )


def _in_utc(time: datetime) -> datetime:
    try:
        return time.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("this time is outside of the years 1 to 9999 in UTC") from error


# What somebody gives: it says its offset from UTC.
Time = Annotated[AwareDatetime, AfterValidator(_in_utc)]
