"""Secrets in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headworks.errors import Unavailable
from headworks.webhooks.secrets import read_secret

if TYPE_CHECKING:
    from collections.abc import Mapping


class MemorySecrets:
    """Secrets by name, written as they are in the store; `down` makes it give no answer."""

    def __init__(self, strings: Mapping[str, str]) -> None:
        self.down = False
        self.strings = dict(strings)

    def get(self, name: str) -> tuple[str, ...]:
        if self.down or name not in self.strings:
            raise Unavailable(f"the secret {name}", "down" if self.down else "not found")
        return read_secret(name, self.strings[name])
