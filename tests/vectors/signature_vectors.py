"""Signature vectors: published by the providers and their libraries, or derived from such by one mutation.

Each names its source, the time that it was made for and the verdict.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from headworks.webhooks import sources
from headworks.webhooks.sources import Source

_DIRECTORY = Path(__file__).parent / "signatures"
_SOURCES: Mapping[str, Source] = {
    "stripe": sources.stripe(),
    "github": sources.github(),
    "standardwebhooks": sources.standard_webhooks(),
    "svix": sources.standard_webhooks(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """One request, and whether it is to be accepted."""

    id: str
    source: Source
    secret: str
    headers: Mapping[str, str]
    body: bytes
    now: datetime
    valid: bool


def _vector(provider: str, fields: Mapping[str, object]) -> Vector:
    headers = fields["headers"]
    assert isinstance(headers, dict)
    now = fields["now"] or 0
    assert isinstance(now, int)
    return Vector(
        id=str(fields["id"]),
        source=_SOURCES[provider],
        secret=str(fields["secret"]),
        headers=headers,
        body=base64.b64decode(str(fields["body_b64"])),
        now=datetime.fromtimestamp(now, UTC),
        valid=fields["valid"] is True,
    )


VECTORS: tuple[Vector, ...] = tuple(
    _vector(provider, fields)
    for provider in _SOURCES
    for fields in json.loads((_DIRECTORY / f"{provider}.json").read_text())
)

HEADER_CASES: Mapping[str, Callable[[str], str]] = {"as_is": str, "lower": str.lower, "upper": str.upper}
