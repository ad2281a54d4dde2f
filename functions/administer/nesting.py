"""How deep JSON may be nested: what reads and writes it here gives up somewhere after two hundred levels."""

from __future__ import annotations

from typing import Any

DEEPEST = 100


def is_too_deep(value: Any, *, levels: int = DEEPEST) -> bool:
    """Whether arrays and objects lie in one another deeper than so many levels."""
    match value:
        case dict():
            inside = list(value.values())
        case list():
            inside = value
        case _:
            return False
    return levels == 0 or any(is_too_deep(each, levels=levels - 1) for each in inside)
