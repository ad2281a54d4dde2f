"""The edge's memory in DynamoDB."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from botocore.exceptions import EndpointConnectionError

from headworks.deduplication import (
    Acceptance,
    DynamoDBAcceptances,
    DynamoDBDeduplication,
    Remembered,
    Sought,
)
from headworks.errors import Unavailable
from headworks.fingerprint import fingerprint, new_message_id
from headworks.testing.clock import NEW_YEAR
from tests.support.declarations import a_queue

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def remembered(n=0):
    return Remembered(
        message_id=f"msg_{n}",
        accepted_at=NEW_YEAR,
        window_ends=NEW_YEAR + DAY,
        epoch=n,
        source="shop",
        type="order.placed",
    )


@pytest.fixture
def memory(aws, table, clock):
    return DynamoDBDeduplication(a_queue(), aws("dynamodb"), table=table, clock=clock)


def test_what_is_remembered_is_found(memory):
    memory.remember({"a": remembered(1), "b": remembered(2)})

    assert memory.look_up(["a", "c", "a"]) == {"a": remembered(1)}


def test_more_keys_than_a_call_takes(memory):
    memory.remember({f"k{n}": remembered(n) for n in range(130)})

    assert len(memory.look_up([f"k{n}" for n in range(200)])) == 130


def accepted(key, n=0):
    """An acceptance of a message of ours, whose id leads to its key."""
    return replace(remembered(n), message_id=new_message_id(NEW_YEAR, fingerprint("orders", key)))


def test_a_message_that_is_forgotten_has_its_window_behind_it(memory, clock):
    taken, kept = accepted("a", 2), accepted("b")
    memory.remember({"a": taken, "b": kept})
    clock.advance(HOUR)

    for _ in range(2):
        memory.forget([taken.message_id, new_message_id(NEW_YEAR), "unheard-of"])
        clock.advance(HOUR)

    ended = replace(taken, window_ends=NEW_YEAR + HOUR, forgotten=True)
    assert memory.look_up(["a", "b"]) == {"a": ended, "b": kept}


def test_a_later_message_of_the_key_is_not_forgotten(memory):
    first = accepted("a")
    later = replace(first, message_id=new_message_id(NEW_YEAR + DAY, fingerprint("orders", "a")), epoch=1)
    memory.remember({"a": later})

    memory.forget([first.message_id])

    assert memory.look_up(["a"]) == {"a": later}


def test_what_is_accepted_after_it_was_forgotten_is_remembered(memory):
    first = accepted("a")
    memory.remember({"a": first})
    memory.forget([first.message_id])

    memory.remember({"a": accepted("a", 1)})

    assert memory.look_up(["a"]) == {"a": accepted("a", 1)}


def test_another_key_of_the_same_fingerprint_is_no_duplicate(aws, table, memory):
    memory.remember({"a": remembered()})
    aws("dynamodb").update_item(
        TableName=table,
        Key={"id": {"S": f"orders#{fingerprint('orders', 'a'):019x}"}},
        UpdateExpression="SET #key = :other",
        ExpressionAttributeNames={"#key": "key"},
        ExpressionAttributeValues={":other": {"S": "b"}},
    )

    assert memory.look_up(["a"]) == {}


def test_every_queues_acceptances_are_found_by_fingerprint_in_one_call(aws, table, memory, clock):
    other = DynamoDBDeduplication(a_queue(name="other"), aws("dynamodb"), table=table, clock=clock)
    memory.remember({"a": remembered(1)})
    other.remember({"b": remembered(2)})
    sought = [Sought(queue, fingerprint(queue, key)) for queue in ("orders", "other") for key in "abb"]

    found = DynamoDBAcceptances(aws("dynamodb"), table=table).find(sought)

    assert sorted(found) == [
        Acceptance("orders", "a", remembered(1)),
        Acceptance("other", "b", remembered(2)),
    ]


def test_queues_do_not_share_their_memory(aws, table, memory, clock):
    memory.remember({"a": remembered()})
    other = DynamoDBDeduplication(a_queue(name="other"), aws("dynamodb"), table=table, clock=clock)

    assert other.look_up(["a"]) == {}


def test_an_item_outlives_every_late_copy_of_its_message(aws, table, memory):
    memory.remember({"a": remembered()})

    [item] = aws("dynamodb").scan(TableName=table)["Items"]
    forgotten = int(item["expiration"]["N"])
    assert forgotten == int((NEW_YEAR + DAY + a_queue().memory_of_keys).timestamp())
    assert item["id"]["S"] == f"orders#{fingerprint('orders', 'a'):019x}"


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

    batch_write_item = update_item = batch_get_item


@pytest.mark.parametrize("client", [Throttled(), Down()])
def test_a_table_that_does_not_answer_is_our_own_trouble(client):
    memory = DynamoDBDeduplication(a_queue(), client, table="t")

    with pytest.raises(Unavailable):
        memory.look_up(["a"])
    with pytest.raises(Unavailable):
        memory.remember({"a": remembered()})


def test_a_window_that_cannot_be_ended_is_our_own_trouble():
    memory = DynamoDBDeduplication(a_queue(), Down(), table="t")

    with pytest.raises(Unavailable):
        memory.forget([new_message_id(NEW_YEAR, 1)])
