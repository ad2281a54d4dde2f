"""The admin API: a request comes in, an operation's document or a problem goes out."""

from __future__ import annotations

import json
from functools import cached_property, partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Never

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from administer.openapi import describe
from administer.operations import Operation
from administer.operator import LONGEST_OPERATOR, OPERATOR_HEADER, UNNAMED
from headworks.errors import LONGEST_EXCERPT, excerpt
from headworks.http_api import Problem, bad_request
from headworks.telemetry import Action

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from administer.gate import Gate
    from administer.troubles import Troubles
    from headworks.topology import Topology

# "Lambda quotas": a response, with some room for what is around it.
MOST_ANSWER_BYTES = 6 * 1024 * 1024 - 16 * 1024
# What a character of a body may come to: four bytes of UTF-8, or a quote and its backslash.
LONGEST_CHARACTER = 4


class Administration:
    """A Lambda entry point.  Whoever presents no valid token learns nothing, not even what there is."""

    def __init__(
        self, operations: Iterable[Operation], *, topology: Topology, gate: Gate, troubles: Troubles
    ) -> None:
        self._topology = topology
        self._gate = gate
        self._troubles = troubles
        own = Operation(id="openapi", method="GET", path="/admin/openapi.json", does=self.describe_itself)
        self._operations = (*operations, own)
        self._resolver = APIGatewayHttpResolver(
            enable_validation=True,
            # A document of ours that isn't what it says is our own mistake, not the client's.
            response_validation_error_http_code=HTTPStatus.INTERNAL_SERVER_ERROR,
            serializer=partial(json.dumps, separators=(",", ":"), ensure_ascii=False),
            debug=False,
        )
        for operation in self._operations:
            operation.add_to(self._resolver)
        self._resolver.exception_handler(Exception)(_let_out)
        self._resolver.not_found(_let_out_nowhere)

    def __call__(self, event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        self._troubles.log.begin(context)
        try:
            return self._answer(event, context)
        except Exception as error:  # noqa: BLE001 - the boundary: whatever happens, the client gets an answer
            return self._troubles.tell(error, event)

    def _answer(self, event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        request = self._gate.let_in(event)
        operation = self._asked_for(request)
        answer = self._resolver.resolve(request, context)
        if operation.changes_something:
            self._record(operation, request, status=answer["statusCode"])
        return _fitting(answer)

    def describe_itself(self) -> dict[str, Any]:
        """What this API is, as OpenAPI 3.1."""
        return self.description

    @cached_property
    def description(self) -> dict[str, Any]:
        """The document that describes it."""
        return describe(self._resolver, self._operations, self._topology)

    def _asked_for(self, request: Mapping[str, Any]) -> Operation:
        """The operation that is meant.  Raises `Problem`, also for names in the query string that mean nothing there.

        A filter with a slip in its name would else take everything.
        """
        path, method = request["rawPath"], request["requestContext"]["http"]["method"]
        there = [each for each in self._operations if each.is_at(path)]
        methods = sorted(each.method for each in there)
        if not there:
            raise _nothing_at(path)
        if method not in methods:
            raise Problem(
                HTTPStatus.METHOD_NOT_ALLOWED,
                f"{excerpt(path)} takes {' and '.join(methods)}, not {excerpt(method)}.",
                headers={"allow": ", ".join(methods)},
            )
        [operation] = [each for each in there if each.method == method]
        if unknown := sorted(request["queryStringParameters"].keys() - operation.query):
            known = ", ".join(sorted(operation.query)) or "nothing"
            raise bad_request(f"{excerpt(unknown[0])} in the query means nothing here: it takes {known}.")
        return operation

    def _record(self, operation: Operation, request: Mapping[str, Any], *, status: int) -> None:
        """Tell the log who has done what."""
        self._troubles.log(
            Action.ASKED,
            operation=operation.id,
            operator=request["headers"].get(OPERATOR_HEADER, UNNAMED)[:LONGEST_OPERATOR],
            path=request["rawPath"][:LONGEST_EXCERPT],
            status=status,
        )


def _nothing_at(path: str) -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, f"There is nothing at {excerpt(path)}.")


def _fitting(answer: dict[str, Any]) -> dict[str, Any]:
    """The answer, if Lambda hands it on: it refuses what is larger, and nobody would know why.  Raises `Problem`."""
    if len(answer["body"]) > MOST_ANSWER_BYTES / LONGEST_CHARACTER:
        size = len(json.dumps(answer, ensure_ascii=False).encode())
        if size > MOST_ANSWER_BYTES:
            raise bad_request(f"The answer would have {size:,} bytes, and 6 MB can be sent: ask for less.")
    return answer


def _let_out(error: Exception) -> Never:
    """Out of the resolver, which would answer in its own way."""
    raise error


def _let_out_nowhere(error: Exception) -> Never:
    # The resolver takes fewer characters in a path than a path can hold.
    raise Problem(HTTPStatus.NOT_FOUND, "Nothing is called that.") from error
