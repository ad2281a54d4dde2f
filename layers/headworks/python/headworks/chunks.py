"""Cutting a list into calls of the size that a service takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")


def chunks(items: Iterable[T], most: int) -> Iterator[list[T]]:
    """The items in their order, `most` at a time (`itertools.batched`, which Python 3.11 lacks)."""
    chunk: list[T] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == most:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
