"""Tables of a pipeline's own: where its functions keep what they know."""

from __future__ import annotations

import re
from dataclasses import dataclass

from headworks.errors import InvalidDeclaration, excerpt

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A DynamoDB table keyed by `id` (a string), and the functions that read and write its items."""

    name: str
    functions: tuple[str, ...]

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InvalidDeclaration(
                f"{excerpt(self.name)} isn't a table's name: lower-case words joined by hyphens"
            )
        if not self.functions:
            raise InvalidDeclaration(f"the table {self.name} is used by no function")

    @property
    def variable(self) -> str:
        """The environment variable that holds the table's name."""
        return f"TABLE_{self.name.replace('-', '_').upper()}"

    @property
    def resource_id(self) -> str:
        """The table's name as CDK construct ids are written."""
        return "".join(part.capitalize() for part in self.name.split("-"))
