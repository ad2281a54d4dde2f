"""Secrets: what signs webhooks and what producers present, by the name that they have in the store.

A secret is a string, or a JSON array of strings while it is being rotated: each of them is
valid, and the first one signs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from headworks.clock import SystemClock
from headworks.errors import Unavailable
from headworks.webhooks.schemes import InvalidSecret

if TYPE_CHECKING:
    from datetime import datetime

    from mypy_boto3_secretsmanager import SecretsManagerClient

    from headworks.clock import Clock

# How long a value is believed without asking: a rotation takes at most this long to arrive.
FRESH_FOR = timedelta(minutes=5)
# How long the store is left alone after it didn't answer, while an older value serves.
PAUSE_AFTER_TROUBLE = timedelta(seconds=30)

# Answers, not trouble: there is no such secret, it has no value yet, or it is being deleted.
_GONE = {"ResourceNotFoundException", "InvalidRequestException"}


class Secrets(Protocol):
    """Where secrets are kept."""

    def get(self, name: str) -> tuple[str, ...]:
        """The values of a secret that are valid now, at least one; the first one signs.

        Raises `Unavailable` when the store has no answer, `InvalidSecret` for a value that
        is empty or not a secret.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    values: tuple[str, ...] = field(repr=False)
    ask_again_at: datetime


class SecretsManager:
    """Secrets in AWS Secrets Manager, asked for at most once in five minutes each.

    When the store doesn't answer, the value known before goes on serving, however old:
    refusing every event would be worse than missing a rotation, and a warm function doesn't
    live for days.  A secret that the store says is gone is not served any longer.
    """

    def __init__(self, client: SecretsManagerClient, *, clock: Clock | None = None) -> None:
        self._client = client
        self._clock = clock or SystemClock()
        self._known: dict[str, _Known] = {}
        # One thread asks, the others wait for its answer.
        self._lock = Lock()

    def get(self, name: str) -> tuple[str, ...]:
        """See `Secrets.get`."""
        with self._lock:
            known = self._known.get(name)
            if known is None or self._clock.now() >= known.ask_again_at:
                known = self._ask(name, known)
                self._known[name] = known
            return known.values

    def _ask(self, name: str, known: _Known | None) -> _Known:
        try:
            answer = self._client.get_secret_value(SecretId=name)
        except (BotoCoreError, ClientError) as error:
            gone = isinstance(error, ClientError) and error.response["Error"]["Code"] in _GONE
            if gone:
                self._known.pop(name, None)
            if known is None or gone:
                raise Unavailable(f"the secret {name}", error) from error
            return _Known(values=known.values, ask_again_at=self._clock.now() + PAUSE_AFTER_TROUBLE)
        values = read_secret(name, answer.get("SecretString", ""))
        return _Known(values=values, ask_again_at=self._clock.now() + FRESH_FOR)


def read_secret(name: str, text: str) -> tuple[str, ...]:
    """The values in a secret's string.  Blanks around them, as files end with, are no part of them.

    Raises `InvalidSecret`.  A string that merely begins like JSON is a secret like any other.
    """
    text = text.strip()
    document = _json(text)
    if isinstance(document, dict):
        raise InvalidSecret(
            f"the secret {name}", "it is a JSON object; store the string itself, or a JSON array of strings"
        )
    values = document if isinstance(document, list) else [text]
    if not values or not all(isinstance(value, str) and value.strip() for value in values):
        raise InvalidSecret(f"the secret {name}", "it is empty, or an entry of its JSON array is")
    return tuple(value.strip() for value in values)


def _json(text: str) -> object:
    if not text.startswith(("[", "{")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
