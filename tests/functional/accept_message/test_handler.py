"""The entry point as Lambda runs it: the samples, the environment, AWS (moto), the log on stdout."""

from __future__ import annotations

import json

import pytest

from tests.support.deployment import Deployment
from tests.support.http_events import SAMPLES, answer, sample

TOKEN = "oldSecretoldSecretoldSecretoldSe"
NAMES = sorted(path.name for path in (SAMPLES / "accept_message").glob("*.json"))


@pytest.fixture
def handler(deployment):
    return deployment.handler("accept_message")


@pytest.fixture
def deployment(aws, monkeypatch):
    return Deployment(aws, monkeypatch, secret=TOKEN)


def authorised(name):
    event = sample(f"accept_message/{name}")
    event["headers"]["authorization"] = f"Bearer {TOKEN}"
    return event


def test_the_sample_of_one_message_ends_on_the_queue_and_comes_once(handler, deployment):
    first, again = (
        answer(handler(authorised("one.json"), None)),
        answer(handler(authorised("one.json"), None)),
    )

    [body] = deployment.bodies(deployment.urls["webhooks"])
    message = json.loads(body)
    assert first.status == 202
    assert first.body == {"messageId": message["id"]}
    assert again.body == {**first.body, "duplicate": True}
    assert (message["type"], message["idempotencykey"]) == ("order.shipped", "order-1042-shipped")


def test_the_sample_of_an_array_ends_on_the_queue(handler, deployment):
    accepted = answer(handler(authorised("batch.json"), None))

    assert accepted.status == 202
    assert len(accepted.body["messages"]) == 3
    # The third is delayed.
    assert len(deployment.bodies(deployment.urls["webhooks"])) == 2


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_as_it_lies_there_is_refused(handler, name):
    assert answer(handler(sample(f"accept_message/{name}"), None)).status == 401


def test_no_sample_goes_unread():
    assert NAMES == ["batch.json", "one.json"]


def test_the_log_holds_no_data_and_no_token(deployment, capsys):
    deployment.handler("accept_message")(authorised("one.json"), None)

    told = capsys.readouterr().out
    assert [json.loads(line)["action"] for line in told.splitlines()] == ["received", "queued"]
    assert TOKEN not in told
    assert "eyJvcmRlciI6" not in told
