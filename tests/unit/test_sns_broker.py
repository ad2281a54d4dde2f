"""SNS's own limits, against a client that plays them."""

from __future__ import annotations

import json
from itertools import chain

import pytest

from headworks.brokers.sns import MAX_PUBLISH_BYTES, SnsBroker
from headworks.errors import InvalidMessage
from tests.support.declarations import SECOND, a_message, a_queue


class FakeSns:
    """Takes batches."""

    def __init__(self):
        self.calls = []

    def publish_batch(self, *, TopicArn, PublishBatchRequestEntries):  # noqa: N803 - boto3's names
        assert (
            sum(len(entry["Message"].encode()) for entry in PublishBatchRequestEntries) <= MAX_PUBLISH_BYTES
        )
        self.calls.append(PublishBatchRequestEntries)
        return {"Failed": []}

    @property
    def entries(self):
        return list(chain.from_iterable(self.calls))


@pytest.fixture
def client():
    return FakeSns()


def a_broker(client, **fields):
    queue = a_queue(consumers=("update_stock", "tell_customer"), **fields)
    return SnsBroker(queue, client, topic_arn="topic", consumers=(), pause=lambda _: None)


def a_text(size):
    return b'"' + b"x" * size + b'"'


def test_a_message_over_256_kibibytes_is_refused_before_anything_is_published(client):
    with pytest.raises(InvalidMessage, match="262,144"):
        a_broker(client).send([a_message(), a_message(a_text(MAX_PUBLISH_BYTES))])
    assert client.calls == []


def test_a_call_carries_256_kibibytes_at_most(client):
    a_broker(client).send([a_message(a_text(100_000), idempotency_key=f"k{n}") for n in range(5)])

    keys = [[json.loads(entry["Message"])["idempotencykey"] for entry in call] for call in client.calls]
    assert keys == [["k0", "k1"], ["k2", "k3"], ["k4"]]


def test_a_tenant_is_the_message_group_that_a_standard_topic_hands_on(client):
    a_broker(client).send([a_message(tenant="acme")])

    assert client.entries[0]["MessageGroupId"] == "acme"


def test_a_call_holds_one_message_of_an_ordering_key(client):
    a_broker(client, fifo=True).send([a_message(ordering_key=key) for key in "aab"])

    assert [[entry["MessageGroupId"] for entry in call] for call in client.calls] == [["a", "b"], ["a"]]


def test_a_topic_delays_nothing(client):
    with pytest.raises(InvalidMessage, match="delays no message"):
        a_broker(client).send([a_message()], delay=SECOND)
