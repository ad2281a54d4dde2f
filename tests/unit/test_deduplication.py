"""The edge's memory in DynamoDB."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from botocore.exceptions import EndpointConnectionError

from headworks.deduplication import DynamoDBDeduplication, Remembered
from headworks.errors import Unavailable
from headworks.testing.clock import NEW_YEAR
from tests.support.declarations import a_queue

DAY = timedelta(days=1)


def remembered(n=0):
    return Remembered(message_id=f"msg_{n}", window_ends=NEW_YEAR + DAY, epoch=n)


@pytest.fixture
def memory(aws, table, clock):
    return DynamoDBDeduplication(a_queue(), aws("dynamodb"), table=table, clock=clock)


def test_what_is_remembered_is_found(memory):
    memory.remember({"a": remembered(1), "b": remembered(2)})

    assert memory.look_up(["a", "c", "a"]) == {"a": remembered(1)}


def test_more_keys_than_a_call_takes(memory):
    memory.remember({f"k{n}": remembered(n) for n in range(130)})

    assert len(memory.look_up([f"k{n}" for n in range(200)])) == 130


def test_what_is_forgotten_is_new_and_may_be_forgotten_twice(memory):
    memory.remember({f"k{n}": replace(remembered(n), epoch=0) for n in range(30)})

    for _ in range(2):
        memory.forget(["k29", "unheard-of", "k29", *(f"k{n}" for n in range(28))])

    assert list(memory.look_up([f"k{n}" for n in range(30)])) == ["k28"]


@pytest.mark.parametrize("epoch", [1, 2])
def test_a_forgotten_key_keeps_the_number_of_its_earlier_windows(memory, clock, epoch):
    memory.remember({"k": remembered(epoch)})

    for _ in range(2):
        memory.forget(["k"])

    left = memory.look_up(["k"])["k"]
    assert (left.epoch, left.window_ends) == (epoch - 1, clock.now())


def test_what_is_past_its_window_is_left_alone(memory, clock):
    memory.remember({"k": remembered()})
    clock.advance(DAY)

    memory.forget(["k"])

    assert memory.look_up(["k"]) == {"k": remembered()}


def test_queues_do_not_share_their_memory(aws, table, memory, clock):
    memory.remember({"a": remembered()})
    other = DynamoDBDeduplication(a_queue(name="other"), aws("dynamodb"), table=table, clock=clock)

    assert other.look_up(["a"]) == {}


def test_an_item_outlives_every_late_copy_of_its_message(aws, table, memory):
    memory.remember({"a": remembered()})

    [item] = aws("dynamodb").scan(TableName=table)["Items"]
    forgotten = int(item["expiration"]["N"])
    assert forgotten == int((NEW_YEAR + DAY + a_queue().memory_of_keys).timestamp())
    assert item["id"]["S"] == "orders#a"


class Throttled:
    """Answers, but processes nothing."""

    def __init__(self):
        self.calls = 0

    def batch_get_item(self, *, RequestItems):  # noqa: N803 - boto3's name
        self.calls += 1
        return {"Responses": {}, "UnprocessedKeys": RequestItems}

    def batch_write_item(self, *, RequestItems):  # noqa: N803
        self.calls += 1
        return {"UnprocessedItems": RequestItems}


class Down:
    def batch_get_item(self, **_):
        raise EndpointConnectionError(endpoint_url="dynamodb")

    batch_write_item = batch_get_item


@pytest.mark.parametrize("client", [Throttled(), Down()])
def test_a_table_that_does_not_answer_is_our_own_trouble(client):
    memory = DynamoDBDeduplication(a_queue(), client, table="t")

    with pytest.raises(Unavailable):
        memory.look_up(["a"])
    with pytest.raises(Unavailable):
        memory.remember({"a": remembered()})
