"""The API's own description, and whether the API keeps to it."""

from __future__ import annotations

from urllib.parse import urljoin

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from administer.examples import EXAMPLES
from headworks.testing.clock import MovingClock
from headworks.testing.log import RecordingLog
from tests.functional.administer.conftest import TOKENS, Stand
from tests.functional.administer.wsgi import application
from tests.support.declarations import SECOND
from tests.support.described import KEPT

HEADERS = {"Authorization": f"Bearer {TOKENS[0]}"}
OPERATIONS = (
    "listQueues",
    "getQueue",
    "listMessages",
    "listAllMessages",
    "findMessage",
    "find",
    "editMessage",
    "deleteMessage",
    "pauseQueue",
    "resumeQueue",
    "pauseSource",
    "resumeSource",
    "processQueue",
    "purgeQueue",
    "startReplay",
    "listReplays",
    "getReplay",
    "stopReplay",
    "openapi",
)


def test_the_description_is_valid_and_complete(stand):
    document = stand.get("/openapi.json").body

    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert document["openapi"] == "3.1.0"
    assert urljoin("https://api.example/stage/admin/openapi.json", document["servers"][0]["url"]) == (
        "https://api.example/stage/"
    )
    assert document["security"] == [{"token": []}]
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert sorted(operation["operationId"] for operation in operations) == sorted(OPERATIONS)
    for operation in operations:
        assert operation["summary"]
        assert {"400", "401", "429", "500", "503"} <= set(operation["responses"])
        assert "422" not in operation["responses"]


def test_every_object_is_closed_and_its_members_are_all_there(stand):
    schemas = stand.get("/openapi.json").body["components"]["schemas"]

    objects = {name: schema for name, schema in schemas.items() if schema.get("type") == "object"}
    for name, schema in objects.items():
        assert schema["additionalProperties"] is False
        if not name.endswith(("Request", "Filter")):
            assert set(schema["required"]) == set(schema["properties"])


def test_every_document_that_is_sent_or_answered_has_an_example_that_is_one(stand):
    document = stand.get("/openapi.json").body
    schemas = document["components"]["schemas"]
    used = {
        content["schema"]["$ref"].rpartition("/")[2]
        for path in document["paths"].values()
        for operation in path.values()
        for part in (*operation["responses"].values(), operation.get("requestBody", {}))
        for content in part.get("content", {}).values()
        if "$ref" in content.get("schema", {})
    }

    assert used <= set(EXAMPLES) <= set(schemas)
    for name, example in EXAMPLES.items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        jsonschema_rs.validate(schema, example)


@pytest.fixture(scope="module")
def lived_in():
    """An API where something is dead, something retrying, something paused and something replayed."""
    stand = Stand(MovingClock(), RecordingLog())
    stand.bury("a", tenant="shop-1")
    stand.bury("b", consumer="count_stock", body="no event")
    stand.fail("c", due=60 * SECOND)
    stand.replays.messages = 2
    return stand


@pytest.fixture(scope="module")
def described(lived_in):
    return schemathesis.openapi.from_wsgi(
        "/admin/openapi.json", application(lived_in.handler), headers=HEADERS
    )


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("operation", OPERATIONS)
def test_no_answer_is_a_server_error_or_says_what_isnt_described(described, operation, mode):
    chosen = described.find_operation_by_id(operation)

    @settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(chosen.as_strategy(generation_mode=mode))
    def ask(case):
        case.call_and_validate(checks=KEPT, headers=HEADERS)

    ask()
