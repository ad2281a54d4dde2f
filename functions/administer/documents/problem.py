"""The document of an error (RFC 9457)."""

from __future__ import annotations

from administer.documents.document import Document


class ProblemDetails(Document):
    """What went wrong: `detail` names the value and the rule."""

    type: str
    title: str
    status: int
    detail: str


class TooManyRequests(Document):
    """What the HTTP API itself answers above its limits; and where it can't reach the function."""

    message: str
