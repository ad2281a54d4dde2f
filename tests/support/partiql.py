"""The ledger's PartiQL on moto, which can't read it: two statements, made the calls that they stand for.

An INSERT is a put on condition that the key is new, an UPDATE an update on the conditions of
its WHERE.  The emulator reads the real thing (tests/contract).
"""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING, Any

from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError
from moto.core.models import botocore_stubber

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Answer = Callable[..., AWSResponse | None]

_VALUE = r"'(?:[^']|'')*'|\?|\d+"
_MEMBER = re.compile(rf"'(\w+)': ({_VALUE})")
_SET = re.compile(rf'SET "(\w+)" = ({_VALUE})')
_REMOVE = re.compile(r'REMOVE "(\w+)"')
_EQUAL = re.compile(rf'"(\w+)" = ({_VALUE})')
_IS_MISSING = re.compile(r'"(\w+)" IS MISSING')
_ONE_OF = re.compile(r'"(\w+)" IN \[(.*?)\]')


def read_partiql(client: Any, *, through: Any) -> None:
    """Have the client's `BatchExecuteStatement` answered by plain calls of another client."""
    answer_instead_of_moto(client, partiql_or_moto(through))


def partiql_or_moto(client: Any) -> Answer:
    """What answers both: statements by calls of this client, and moto the rest."""

    def answer(request: Any, event_name: str, **_: Any) -> AWSResponse | None:
        if not event_name.endswith("BatchExecuteStatement"):
            return botocore_stubber(event_name, request)
        statements = json.loads(request.body)["Statements"]
        return ok(request, {"Responses": [_execute(client, each) for each in statements]})

    return answer


def answer_instead_of_moto(client: Any, answer: Answer) -> None:
    """Have a client's requests answered here: botocore asks everybody who registered, whoever has answered."""
    client.meta.events.unregister("before-send", botocore_stubber)
    client.meta.events.register("before-send", answer)


def ok(request: Any, content: dict[str, Any]) -> AWSResponse:
    """An answer that is good, in JSON."""
    return AWSResponse(request.url, 200, {}, _Body(json.dumps(content).encode()))


class _Body(io.BytesIO):
    def stream(self) -> Iterator[bytes]:
        yield self.read()


def _execute(client: Any, statement: dict[str, Any]) -> dict[str, Any]:
    text, parameters = statement["Statement"], iter(statement.get("Parameters", ()))

    def value(literal: str) -> dict[str, Any]:
        if literal == "?":
            return next(parameters)
        if literal.isdigit():
            return {"N": literal}
        return {"S": literal[1:-1].replace("''", "'")}

    if text.startswith("INSERT"):
        return _made(lambda: _insert(client, text, value), refused="DuplicateItem")
    return _made(lambda: _update(client, text, value), refused="ConditionalCheckFailed")


def _made(call: Callable[[], object], *, refused: str) -> dict[str, Any]:
    try:
        call()
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return {"Error": {"Code": refused, "Message": str(error)}}
    return {"TableName": "table"}


def _insert(client: Any, text: str, value: Callable[[str], dict[str, Any]]) -> None:
    client.put_item(
        TableName=_table(text),
        Item={name: value(literal) for name, literal in _MEMBER.findall(text)},
        ConditionExpression="attribute_not_exists(id)",
    )


def _update(client: Any, text: str, value: Callable[[str], dict[str, Any]]) -> None:
    change, _, where = text.partition(" WHERE ")
    sets = {name: value(literal) for name, literal in _SET.findall(change)}
    equal = {name: value(literal) for name, literal in _EQUAL.findall(where)}
    one_of = {
        name: [value(each.strip()) for each in some.split(",")] for name, some in _ONE_OF.findall(where)
    }
    key = equal.pop("id")
    removed = _REMOVE.findall(change)
    conditions = ["attribute_exists(id)"]
    values = {f":set_{name}": each for name, each in sets.items()}
    for name, each in equal.items():
        conditions.append(f"#{name} = :is_{name}")
        values[f":is_{name}"] = each
    missing = _IS_MISSING.findall(where)
    conditions += [f"attribute_not_exists(#{name})" for name in missing]
    for name, some in one_of.items():
        conditions.append(f"#{name} IN ({', '.join(f':in_{name}_{n}' for n in range(len(some)))})")
        values |= {f":in_{name}_{n}": each for n, each in enumerate(some)}
    client.update_item(
        TableName=_table(text),
        Key={"id": key},
        UpdateExpression=f"SET {', '.join(f'#{name} = :set_{name}' for name in sets)}"
        + (f" REMOVE {', '.join(f'#{name}' for name in removed)}" if removed else ""),
        ConditionExpression=" AND ".join(conditions),
        ExpressionAttributeNames={f"#{name}": name for name in {*sets, *removed, *equal, *one_of, *missing}},
        ExpressionAttributeValues=values,
    )


def _table(text: str) -> str:
    return text.split('"', 2)[1]
