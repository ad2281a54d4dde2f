"""Tables of a pipeline's own: where its functions keep what they know."""

from __future__ import annotations

from dataclasses import dataclass

from headworks import naming
from headworks.errors import InvalidDeclaration


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A DynamoDB table keyed by `id` (a string), and the functions that read and write its items."""

    name: str
    functions: tuple[str, ...]

    def __post_init__(self) -> None:
        naming.check_name(self.name, "a table's")
        if not self.functions:
            raise InvalidDeclaration(f"the table {self.name} is used by no function")

    @property
    def variable(self) -> str:
        """The environment variable that holds the table's name."""
        return naming.variable("TABLE", self.name)

    @property
    def resource_id(self) -> str:
        """The table's name as CDK construct ids are written."""
        return naming.resource_id(self.name)
