"""Asking a store of AWS: its own trouble is told apart from its answers."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from headworks.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator


@contextmanager
def asking(what: str, *, answers: Collection[str] = ()) -> Iterator[None]:
    """Raise `Unavailable` where the store can't be reached, throttles or fails.

    Error codes among `answers` say something of what was asked: those come through as
    boto3 raises them.
    """
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] in answers:
            raise
        raise Unavailable(what, error) from error
    except BotoCoreError as error:
        raise Unavailable(what, error) from error
