"""Who asks: what goes on record with what is done."""

from __future__ import annotations

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Header
from pydantic import AfterValidator

UNNAMED = "admin api"
LONGEST_OPERATOR = 100
OPERATOR_HEADER = "headworks-operator"


def _printable(name: str) -> str:
    if not name.isprintable():
        raise ValueError("a name holds printable characters only")
    return name


Operator = Annotated[
    str,
    Header(
        alias=OPERATOR_HEADER,
        min_length=1,
        max_length=LONGEST_OPERATOR,
        description=f"Who asks, for the record; `{UNNAMED}` unless it is said.",
    ),
    AfterValidator(_printable),
]
