"""The admin API of a pipeline that is up."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("token", [None, "undefined", "prefix", "t\u00f6ken", "producers"])
def test_without_its_token_everything_is_401(pipeline, token):
    outputs = pipeline.outputs
    presented = {"prefix": outputs.admin_token[:-1], "producers": outputs.producer_token}.get(token, token)
    headers = {} if token is None else {"authorization": f"Bearer {presented}".encode()}

    for path in ("/admin/queues", "/admin/nothing", "/admin/openapi.json"):
        answer = pipeline.http.request("GET", f"{outputs.endpoint}{path}", headers=headers)

        assert answer.status == 401
        assert answer.headers["content-type"] == "application/problem+json"
        assert outputs.admin_token.encode() not in answer.data


def test_it_describes_itself(pipeline):
    answer = pipeline.ask("GET", "/openapi.json")

    assert answer.status == 200
    assert answer.json()["openapi"] == "3.1.0"


def test_a_dead_letter_is_listed(pipeline):
    message_id = pipeline.give_up("webhooks", "deliver_webhook")
    pipeline.dead_letter(message_id)

    listing = pipeline.ask("GET", "/queues/webhooks/messages?reason=crashed&limit=1000").json()

    assert message_id in [item["id"] for item in listing["items"]]


def test_a_path_that_is_nothing_is_404_and_a_method_that_it_doesnt_take_405(pipeline):
    assert pipeline.ask("GET", "/nothing").status == 404
    answer = pipeline.ask("PATCH", "/messages")
    assert (answer.status, answer.headers["allow"]) == (405, "GET")
