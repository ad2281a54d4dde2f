"""The API's own description: OpenAPI 3.1, made of the code that answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler.openapi.models import HTTPBearer, Server

from administer.documents.problem import ProblemDetails
from administer.documents.requests import ListingQuery
from administer.examples import EXAMPLES
from administer.operations import PROBLEM_JSON
from headworks.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

    from administer.operations import Operation
    from headworks.topology import Topology

TOKEN = "token"  # noqa: S105 - the scheme's name
DESCRIPTION = (
    "What an operator asks and does.  Times are ISO 8601 in UTC, errors are problem details (RFC 9457), "
    "objects have the members that are written here and no others."
)
SCHEMAS = "#/components/schemas/"
# What the resolver documents of itself: none of our answers is one of these.
_NOT_OURS = ("HTTPValidationError", "ValidationError", "ResponseValidationError", ListingQuery.__name__)
_OUR_MISTAKE = "500"


def describe(
    resolver: APIGatewayHttpResolver, operations: Iterable[Operation], topology: Topology
) -> dict[str, Any]:
    """The document."""
    text = resolver.get_openapi_json_schema(
        title="Headworks admin API",
        version=__version__,
        description=DESCRIPTION,
        openapi_version="3.1.0",
        # Relative to where the document is: a deployment doesn't know what it is called from outside.
        servers=[Server(url="..")],
        security_schemes={TOKEN: HTTPBearer(description="One of the tokens in the secret `AdminSecret`.")},
        security=[{TOKEN: []}],
    )
    document: dict[str, Any] = json.loads(text)
    for operation in operations:
        _finish(document["paths"][operation.path][operation.method.lower()], operation, topology)
    schemas = document["components"]["schemas"]
    for name in _NOT_OURS:
        schemas.pop(name, None)
    for name, schema in schemas.items():
        if name in EXAMPLES:
            schema["examples"] = [EXAMPLES[name]]
    return document


def _finish(described: dict[str, Any], operation: Operation, topology: Topology) -> None:
    """What the resolver can't say of an operation, or says wrong."""
    known = {
        "queue": [queue.name for queue in topology.queues],
        "source": [source.name for source in topology.sources],
    }
    responses = described["responses"]
    for status in list(responses):
        if int(status) not in operation.answers:
            del responses[status]
    responses[_OUR_MISTAKE]["content"] = {
        PROBLEM_JSON: {"schema": {"$ref": f"{SCHEMAS}{ProblemDetails.__name__}"}}
    }
    for parameter in described.get("parameters", ()):
        if parameter["in"] == "query":
            parameter["schema"] = _QUERY.get(parameter["name"], parameter["schema"])
        elif parameter["in"] == "path" and (names := known.get(parameter["name"])):
            parameter["schema"]["enum"] = names


def _query_schemas(properties: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The members of a query string: the resolver knows of their types only the roughest."""
    for name, schema in properties.items():
        told = {key: value for key, value in schema.items() if key not in ("anyOf", "title", "description")}
        [given] = [each for each in schema.get("anyOf", [{}]) if each.get("type") != "null"]
        yield name, {key: value for key, value in {**told, **given}.items() if value is not None}


_QUERY = dict(
    _query_schemas(ListingQuery.model_json_schema(ref_template=f"{SCHEMAS}{{model}}")["properties"])
)
