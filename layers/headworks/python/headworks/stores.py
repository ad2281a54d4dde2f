"""Asking a store of AWS: its own trouble is told apart from its answers."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from headworks.chunks import chunks
from headworks.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

# BatchGetItem's own limit.
MOST_READS = 100
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


def names_in(*expressions: str) -> dict[str, str]:
    """The attribute that each `#placeholder` stands for: its own name."""
    return {name: name[1:] for expression in expressions for name in _PLACEHOLDER.findall(expression)}


def read_items(
    client: DynamoDBClient,
    what: str,
    table: str,
    ids: Iterable[str],
    *,
    only: Sequence[str] = (),
    rounds: int = 3,
) -> list[dict[str, Any]]:
    """The items of these ids that there are, in no order, each read once however often it is asked for.

    `only` are the attributes to bring, all without it.  Raises `Unavailable`, also where `rounds`
    calls have not brought a hundred of them: a call brings up to 16 MB, and less where it is throttled.
    """
    asked: dict[str, Any] = {"ConsistentRead": True}
    if only:
        asked["ProjectionExpression"] = ", ".join(f"#{name}" for name in only)
        asked["ExpressionAttributeNames"] = names_in(asked["ProjectionExpression"])
    items: list[dict[str, Any]] = []
    for some in chunks(dict.fromkeys(ids), MOST_READS):
        pending: Any = {table: {**asked, "Keys": [{"id": {"S": each}} for each in some]}}
        for _ in range(rounds):
            with asking(what):
                answer: Any = client.batch_get_item(RequestItems=pending)
            items += answer["Responses"].get(table, [])
            pending = answer.get("UnprocessedKeys")
            if not pending:
                break
        else:
            raise Unavailable(what, "reads are throttled")
    return items


def change_item(
    client: DynamoDBClient,
    what: str,
    table: str,
    id_: str,
    *,
    sets: Mapping[str, Any],
    removes: Sequence[str] = (),
    condition: str,
    values: Mapping[str, Any],
) -> dict[str, Any] | None:
    """Change an item that a condition holds for, and answer it as it is then; none where it doesn't hold.

    The condition speaks of attributes as `#name`, of `values` as `:name`, where the names of `sets`
    are taken.  Raises `Unavailable`.
    """
    expression = "SET " + ", ".join(f"#{name} = :{name}" for name in sets)
    expression += f" REMOVE {', '.join(f'#{name}' for name in removes)}" if removes else ""
    with asking(what):
        try:
            answer: Any = client.update_item(
                TableName=table,
                Key={"id": {"S": id_}},
                UpdateExpression=expression,
                ConditionExpression=condition,
                ExpressionAttributeNames=names_in(expression, condition),
                ExpressionAttributeValues={**{f":{name}": value for name, value in sets.items()}, **values},
                ReturnValues="ALL_NEW",
            )
        except ClientError as error:
            condition_met(error)
            return None
    return dict(answer["Attributes"])


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
