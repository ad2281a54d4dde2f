"""Asking a store of AWS: its own trouble is told apart from its answers."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from headworks.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

_CANCELLED = "TransactionCanceledException"
_PLACEHOLDER = re.compile(r"#\w+")


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


def condition_met(error: ClientError) -> dict[str, Any]:
    """The item that a failed condition met, empty if there was none; any other error is raised again."""
    response: Any = error.response
    if response["Error"]["Code"] != "ConditionalCheckFailedException":
        raise error
    item: dict[str, Any] = response.get("Item", {})
    return item


def names_in(expression: str) -> dict[str, str]:
    """The attribute that each `#placeholder` stands for: its own name."""
    return {placeholder: placeholder[1:] for placeholder in _PLACEHOLDER.findall(expression)}


def write_together(client: DynamoDBClient, what: str, writes: Sequence[TransactWriteItemTypeDef]) -> bool:
    """Make all of these writes or none; false where a condition doesn't hold.

    Raises `Unavailable`, also where another write of the same items came in between, and
    boto3's own error for a transaction that can never be valid.
    """
    with asking(what, answers=(_CANCELLED,)):
        try:
            client.transact_write_items(TransactItems=writes)
        except ClientError as error:
            response: Any = error.response
            if response["Error"]["Code"] != _CANCELLED:
                raise
            codes = {reason.get("Code") for reason in response["CancellationReasons"]}
            if "ConditionalCheckFailed" in codes:
                return False
            if "ValidationError" in codes:
                raise
            raise Unavailable(what, error) from error
    return True
