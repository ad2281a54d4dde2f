"""Buckets of a pipeline's own: where its functions put objects for others to read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from headworks import naming
from headworks.errors import InvalidDeclaration

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """An S3 bucket, and the functions that put objects in it, under `prefix`.

    They may do nothing else with it: not read, not list, not delete.  Objects are kept until
    somebody deletes them, or go `kept_for` after they were written.
    """

    name: str
    functions: tuple[str, ...]
    kept_for: timedelta | None = None

    def __post_init__(self) -> None:
        naming.check_name(self.name, "a bucket's")
        if not self.functions:
            raise InvalidDeclaration(f"the bucket {self.name} is used by no function")
        if self.kept_for is not None and (self.kept_for < DAY or self.kept_for % DAY):
            raise InvalidDeclaration(
                f"the bucket {self.name} keeps objects for {self.kept_for}: S3 counts whole days, from 1"
            )

    @property
    def prefix(self) -> str:
        """What the keys of its objects begin with."""
        return f"{self.name}/"

    @property
    def variable(self) -> str:
        """The environment variable that holds the bucket's name."""
        return naming.variable("BUCKET", self.name)

    @property
    def resource_id(self) -> str:
        """The bucket's name as CDK construct ids are written."""
        return naming.resource_id(self.name)
