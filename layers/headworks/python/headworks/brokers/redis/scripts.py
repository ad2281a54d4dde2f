"""The Lua scripts, as they are sent to the server."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = (
    "cancel",
    "enqueue",
    "extend",
    "figures",
    "hand_back",
    "leave",
    "mark",
    "mend",
    "pause",
    "promote",
    "purge",
    "put_back",
    "repair",
    "revive",
    "settle",
    "take_apart",
    "tend",
)
# A server that is full takes no more messages, and can still be drained.
_REFUSED_WHEN_FULL = frozenset({"enqueue", "put_back", "revive"})
_DEFINED = re.compile(r"^local function (\w+)", re.MULTILINE)


class Script(msgspec.Struct, frozen=True):
    """A script and the name that a server knows it by once it has seen it."""

    name: str
    source: str
    sha: str


class Scripts:
    """All scripts; `rewrite` (name, source) changes them on the way, as the tests' guards do."""

    def __init__(self, rewrite: Callable[[str, str], str] | None = None) -> None:
        self._scripts = {name: _script(name, rewrite) for name in NAMES}

    def __getitem__(self, name: str) -> Script:
        return self._scripts[name]


@cache
def standard_scripts() -> Scripts:
    """The scripts as they are."""
    return Scripts()


def _script(name: str, rewrite: Callable[[str, str], str] | None) -> Script:
    folder = resources.files(__package__) / "lua"
    own = (folder / f"{name}.lua").read_text()
    body = "\n\n".join([*_used((folder / "common.lua").read_text(), own), own])
    if rewrite is not None:
        body = rewrite(name, body)
    flags = "" if name in _REFUSED_WHEN_FULL else " flags=allow-oom"
    source = f"#!lua{flags}\n{body}"
    return Script(name, source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


def _used(common: str, own: str) -> list[str]:
    """Those functions of `common` that a script calls, itself or through them: each call of it defines them anew."""
    used: list[str] = []
    for function in reversed(common.split("\n\n")):
        defined = _DEFINED.search(function)
        if defined and any(re.search(rf"\b{defined[1]}\(", text) for text in (own, *used)):
            used.insert(0, function)
    return used
