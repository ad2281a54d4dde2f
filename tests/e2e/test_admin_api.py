"""The admin API of a pipeline that is up."""

from __future__ import annotations

from urllib.parse import quote
from uuid import uuid4

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from pipeline import TOPOLOGY
from tests.e2e.pipeline import eventually
from tests.support.described import KEPT

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


def test_where_everything_stands_is_told_of_every_queue(pipeline):
    overview = pipeline.ask("GET", "/queues").json()

    assert [queue["name"] for queue in overview["queues"]] == [queue.name for queue in TOPOLOGY.queues]
    for queue in overview["queues"]:
        for consumer in queue["consumers"]:
            assert consumer["trouble"] == []
            assert consumer["pending"] is not None
            assert consumer["dead"] is not None


def test_an_event_is_found_by_its_message_its_key_and_its_providers_id(pipeline):
    event = pipeline.event("github")
    message_id = pipeline.send(event).answer["messageId"]
    pipeline.wait_for(event)

    found = pipeline.ask("GET", f"/messages/{message_id}").json()

    [received] = found["received"]
    assert (received["queue"], received["id"]) == ("webhooks", message_id)
    assert [item["state"] for item in found["items"]] in (["completed"], ["running"])
    by_key = pipeline.ask("GET", f"/find?name={quote(received['key'], safe='')}").json()
    assert by_key["received"] == found["received"]
    assert pipeline.ask("GET", "/messages/msg_unheard-of").status == 404


def test_a_dead_letter_is_edited_and_deleted(pipeline):
    message_id = pipeline.give_up("payments", "confirm_payment")
    pipeline.dead_letter(message_id)
    payload = {
        "id": "evt_1",
        "type": "payment_intent.created",
        "data": {"object": {"id": "pi_1", "status": "new", "amount_received": 0, "currency": "eur"}},
    }

    wrong = pipeline.ask("PUT", f"/queues/payments/messages/{message_id}/payload", {"data": {}})
    edited = pipeline.ask("PUT", f"/queues/payments/messages/{message_id}/payload", {"data": payload})
    deleted = pipeline.ask("DELETE", f"/queues/payments/messages/{message_id}")
    again = pipeline.ask("DELETE", f"/queues/payments/messages/{message_id}")

    assert (wrong.status, edited.status, deleted.status, again.status) == (400, 200, 200, 404)
    assert edited.json()["message"]["data"] == payload
    assert edited.json()["original"]["data"] == {}
    assert deleted.json()["deleted"][0]["was"] == "dead"


# Those that change nothing for the tests beside this one.
@pytest.mark.parametrize(
    "operation",
    [
        "listQueues",
        "getQueue",
        "listMessages",
        "listAllMessages",
        "findMessage",
        "find",
        "editMessage",
        "deleteMessage",
        "listReplays",
        "getReplay",
        "stopReplay",
        "openapi",
    ],
)
def test_no_answer_is_a_server_error_or_says_what_isnt_described(pipeline, operation):
    headers = {"Authorization": f"Bearer {pipeline.outputs.admin_token}"}
    api = schemathesis.openapi.from_url(f"{pipeline.outputs.endpoint}/admin/openapi.json", headers=headers)
    api.config.update(base_url=pipeline.outputs.endpoint)
    chosen = api.find_operation_by_id(operation)

    @settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(chosen.as_strategy(generation_mode=GenerationMode.POSITIVE))
    def ask(case):
        case.call_and_validate(checks=KEPT, headers=headers)

    ask()


def test_a_dead_letter_is_replayed_once_however_often_it_is_asked_for(pipeline):
    event = pipeline.event("github")
    pipeline.behave(event, 404, 200)
    message_id = pipeline.send(event).answer["messageId"]
    pipeline.dead_letter(message_id)
    asked = {"ids": [message_id], "id": f"rpl_{uuid4().hex}", "reason": "the endpoint knows it now"}

    counted = pipeline.ask("POST", "/queues/webhooks/replays", {"ids": [message_id], "dryRun": True}).json()
    first, second = (pipeline.ask("POST", "/queues/webhooks/replays", asked) for _ in range(2))
    pipeline.wait_for(event, deliveries=2)

    replay = eventually(
        lambda: pipeline.ask("GET", f"/replays/{asked['id']}").json(),
        lambda seen: seen["state"] == "finished",
    )
    [item] = eventually(
        lambda: pipeline.ask("GET", f"/messages/{message_id}").json()["items"],
        lambda items: items[0]["state"] == "completed",
    )
    assert (counted["state"], counted["selected"], counted["sent"]) == ("dry run", 1, 0)
    assert {first.status, second.status} <= {200, 202}
    assert (replay["sent"], replay["failedAgain"], replay["reason"]) == (1, 0, asked["reason"])
    assert [each["replay"] for each in item["replayed"]] == [asked["id"]]
    assert (item["replays"], item["attempt"], len(item["history"])) == (1, 2, 1)
    assert len(pipeline.arrivals(event)) == 2
    other = pipeline.ask("POST", "/queues/webhooks/replays", {**asked, "ids": ["another"]})
    assert other.status == 409
