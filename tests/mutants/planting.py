"""Putting a bug into source text: one piece of a file for another, found whatever its line breaks."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_TOKEN = re.compile(r"\w+|[^\w\s]")


class AnchorGone(Exception):
    """The text that a bug replaces isn't there, once: the code has moved on, and the bug must follow."""


@dataclass(frozen=True, slots=True)
class Swap:
    """`old` for `new` in a file of the library, inside the class or function `within` (dotted).

    `old` is found with other line breaks and trailing commas too; it must be there exactly once.
    """

    file: str
    within: str
    old: str
    new: str

    def planted_in(self, source: str) -> str:
        """The source with the bug in it.  Raises `AnchorGone`."""
        start, end = self._span(source)
        found = list(_pattern(self.old).finditer(source, start, end))
        if len(found) != 1:
            raise AnchorGone(f"{self.file}, {self.within}: found {len(found)} times: {self.old}")
        planted = source[: found[0].start()] + self.new + source[found[0].end() :]
        ast.parse(planted)
        return planted

    def _span(self, source: str) -> tuple[int, int]:
        """Where the class or function begins and ends."""
        node: ast.AST = ast.parse(source)
        for name in self.within.split(".") if self.within else ():
            inner = [each for each in ast.iter_child_nodes(node) if _name_of(each) == name]
            if len(inner) != 1:
                raise AnchorGone(f"{self.file} has no {self.within}")
            node = inner[0]
        if not isinstance(node, ast.stmt):
            return 0, len(source)
        lines = source.splitlines(keepends=True)
        first, last = node.lineno - 1, node.end_lineno
        return len("".join(lines[:first])), len("".join(lines[:last]))


@dataclass(frozen=True, slots=True)
class Bug:
    """A mistake that somebody could make, and the tests that must notice: files, the most telling first.

    `emulated` ones show in what a store of the emulator does.
    """

    name: str
    tests: tuple[str, ...]
    swaps: tuple[Swap, ...]
    emulated: bool = False

    def plant(self, package: Path) -> None:
        """Put it into this copy of the library.  Raises `AnchorGone`."""
        for swap in self.swaps:
            file = package / swap.file
            if not file.exists():
                raise AnchorGone(f"there is no {swap.file}")
            file.write_text(swap.planted_in(file.read_text()))


def _name_of(node: ast.AST) -> str | None:
    return node.name if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) else None


def _pattern(text: str) -> re.Pattern[str]:
    tokens = [re.escape(token) for token in _TOKEN.findall(text)]
    closed = [rf"(?:,\s*)?{token}" if token in (r"\)", r"\]", r"\}") else token for token in tokens]
    return re.compile(r"\s*".join(closed))
