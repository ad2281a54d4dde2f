"""The API's own description: OpenAPI 3.1, made of the code that answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler.openapi.models import HTTPBearer

from administer.documents.requests import ListingQuery
from headworks.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

    from administer.operations import Operation

TOKEN = "token"  # noqa: S105 - the scheme's name
DESCRIPTION = (
    "What an operator asks and does.  Times are ISO 8601 in UTC, errors are problem details (RFC 9457), "
    "objects have the members that are written here and no others."
)
# What the resolver documents of itself, and answers in none of our cases.
_NOT_OURS = "422"
_NOT_OUR_SCHEMAS = ("HTTPValidationError", "ValidationError", "ResponseValidationError")


def describe(resolver: APIGatewayHttpResolver, operations: Iterable[Operation]) -> str:
    """The document, as JSON."""
    text = resolver.get_openapi_json_schema(
        title="Headworks admin API",
        version=__version__,
        description=DESCRIPTION,
        openapi_version="3.1.0",
        security_schemes={TOKEN: HTTPBearer(description="One of the tokens in the secret `AdminSecret`.")},
        security=[{TOKEN: []}],
    )
    document = json.loads(text)
    for name in _NOT_OUR_SCHEMAS:
        document["components"]["schemas"].pop(name, None)
    for operation in operations:
        _finish(document["paths"][operation.path][operation.method.lower()], operation)
    return json.dumps(document)


def _finish(described: dict[str, Any], operation: Operation) -> None:
    """What the resolver can't say of an operation, or says wrong."""
    for status in list(described["responses"]):
        if int(status) not in operation.answers:
            del described["responses"][status]
    for parameter in described.get("parameters", ()):
        schema = _QUERY.get(parameter["name"]) if parameter["in"] == "query" else None
        if schema is not None:
            parameter["schema"] = schema


def _query_schemas(properties: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The members of a query string: the resolver knows of their types only the roughest."""
    for name, schema in properties.items():
        told = {key: value for key, value in schema.items() if key not in ("anyOf", "title", "description")}
        [given] = [each for each in schema.get("anyOf", [{}]) if each.get("type") != "null"]
        yield name, {key: value for key, value in {**told, **given}.items() if value is not None}


_QUERY = dict(_query_schemas(ListingQuery.model_json_schema()["properties"]))
