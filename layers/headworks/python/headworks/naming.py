"""Declared names, and the spellings of them that are derived."""

from __future__ import annotations

import re

from headworks.errors import InvalidDeclaration, excerpt

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def is_name(name: str) -> bool:
    """Whether it is lower-case words joined by hyphens."""
    return _NAME.fullmatch(name) is not None


def check_name(name: str, whose: str) -> None:
    """Raise `InvalidDeclaration` for a name that isn't lower-case words joined by hyphens."""
    if not is_name(name):
        raise InvalidDeclaration(f"{excerpt(name)} isn't {whose} name: lower-case words joined by hyphens")


def resource_id(name: str) -> str:
    """`standard-webhooks` or `receive_webhook`, as CDK construct ids are written."""
    return "".join(part.capitalize() for part in re.split("[-_]", name))


def variable(prefix: str, name: str) -> str:
    """The environment variable of something declared: `QUEUE_URL_ORDER_EVENTS`."""
    return f"{prefix}_{name.replace('-', '_').upper()}"
