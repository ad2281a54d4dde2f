"""The entry point as Lambda runs it: the samples, the environment, AWS (moto)."""

from __future__ import annotations

import json

import pytest

from tests.support.deployment import Deployment
from tests.support.http_events import answer, sample
from tests.support.orders import samples_of

TOKEN = "oldSecretoldSecretoldSecretoldSe"


@pytest.fixture
def deployment(aws, monkeypatch):
    return Deployment(aws, monkeypatch, secret=TOKEN)


@pytest.fixture
def handler(deployment):
    return deployment.handler("accept_order")


def authorised(name):
    event = sample(f"accept_order/{name}")
    event["headers"]["authorization"] = f"Bearer {TOKEN}"
    return event


def test_the_sample_of_an_order_ends_on_the_queue_and_comes_once(handler, deployment):
    first, again = [answer(handler(authorised("one_order.json"), None)) for _ in range(2)]

    [body] = deployment.bodies(deployment.urls["orders"])
    message = json.loads(body)
    assert first.status == 202
    assert first.body == {"orderId": "order-1042", "messageId": message["id"]}
    assert again.body == {**first.body, "duplicate": True}
    assert (message["partitionkey"], message["idempotencykey"]) == ("cus_0042", "order-1042")


def test_the_sample_with_no_pieces_is_a_400_that_says_so(handler):
    refused = answer(handler(authorised("no_pieces.json"), None))

    assert refused.status == 400
    assert "Expected `int` >= 1 - at `$.items[1].quantity`" in refused.body["detail"]


@pytest.mark.parametrize("name", samples_of("accept_order"))
def test_a_sample_as_it_lies_there_is_refused(handler, name):
    assert answer(handler(sample(f"accept_order/{name}"), None)).status == 401


def test_no_sample_goes_unread():
    assert samples_of("accept_order") == ["no_pieces.json", "one_order.json"]
