"""FIFO queues: order, groups, deduplication."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError


def refusal(call, *arguments, **keywords):
    """The code with which SQS refuses a call."""
    with pytest.raises(ClientError) as caught:
        call(*arguments, **keywords)
    return caught.value.response["Error"]["Code"]


def test_messages_of_a_group_come_in_their_order_also_after_their_timeout(sqs):
    queue = sqs.queue(fifo=True, visibility_timeout=1)
    sqs.send_in_order(queue, ("a", "1"), ("a", "2"), ("a", "3"))

    assert sqs.bodies(queue) == ["1", "2", "3"]
    sqs.wait(1.1)
    assert sqs.bodies(queue) == ["1", "2", "3"]


def test_a_group_is_blocked_while_one_of_its_messages_is_in_flight(sqs):
    queue = sqs.queue(fifo=True)
    sqs.send_in_order(queue, ("a", "a1"), ("a", "a2"), ("b", "b1"))

    assert sqs.bodies(queue, MaxNumberOfMessages=1) == ["a1"]
    assert sqs.bodies(queue) == ["b1"]
    assert sqs.counts(queue) == (1, 2, 0)


def test_deleting_what_is_in_flight_frees_the_group(sqs):
    queue = sqs.queue(fifo=True)
    sqs.send_in_order(queue, ("a", "1"), ("a", "2"))
    [first] = sqs.receive(queue, MaxNumberOfMessages=1)

    sqs.delete(queue, first)

    assert sqs.bodies(queue) == ["2"]


def test_a_group_stays_blocked_until_its_first_message_is_visible(sqs):
    queue = sqs.queue(fifo=True, visibility_timeout=30)
    sqs.send_in_order(queue, ("a", "1"), ("a", "2"), ("a", "3"))
    first, *mates = sqs.receive(queue)

    for mate in mates:
        sqs.hide(queue, mate, 0)
    assert sqs.bodies(queue) == []

    sqs.hide(queue, first, 0)
    assert sqs.bodies(queue) == ["1", "2", "3"]


def test_a_group_is_handed_out_up_to_its_first_hidden_message(sqs):
    queue = sqs.queue(fifo=True, visibility_timeout=30)
    sqs.send_in_order(queue, ("a", "1"), ("a", "2"), ("a", "3"))
    first, _, third = sqs.receive(queue)

    for message in (first, third):
        sqs.hide(queue, message, 0)

    assert sqs.bodies(queue) == ["1"]


def test_a_receive_takes_all_it_can_of_one_group_before_the_next(sqs):
    queue = sqs.queue(fifo=True)
    sqs.send_in_order(queue, ("a", "a1"), ("b", "b1"), ("a", "a2"), ("a", "a3"))

    assert sqs.bodies(queue) == ["a1", "a2", "a3", "b1"]


def test_a_group_that_comes_back_lines_up_behind_those_that_wait(sqs):
    queue = sqs.queue(fifo=True)
    sqs.send_in_order(queue, ("a", "a1"), ("b", "b1"), ("b", "b2"), ("c", "c1"), ("a", "a2"))

    assert sqs.bodies(queue, MaxNumberOfMessages=3, VisibilityTimeout=0) == ["a1", "a2", "b1"]
    assert sqs.bodies(queue) == ["c1", "a1", "a2", "b1", "b2"]


def test_a_deduplicated_send_gets_the_same_answer_and_never_arrives(sqs):
    queue = sqs.queue(fifo=True)

    first, second = (
        sqs.sqs.send_message(
            QueueUrl=queue, MessageBody=body, MessageGroupId="g", MessageDeduplicationId="same"
        )
        for body in ("a", "b")
    )

    assert first["MessageId"] == second["MessageId"]
    assert first["SequenceNumber"] == second["SequenceNumber"]
    assert sqs.bodies(queue) == ["a"]


def test_deduplication_holds_also_after_the_message_was_received_and_deleted(sqs):
    queue = sqs.queue(fifo=True)
    [first] = sqs.send(queue, "a", MessageGroupId="g", MessageDeduplicationId="same")
    [message] = sqs.receive(queue)
    sqs.delete(queue, message)

    [second] = sqs.send(queue, "a", MessageGroupId="g", MessageDeduplicationId="same")

    assert second == first
    assert sqs.counts(queue) == (0, 0, 0)


def test_deduplication_ends_after_five_minutes(sqs):
    queue = sqs.queue(fifo=True)
    sqs.send(queue, "a", MessageGroupId="g", MessageDeduplicationId="same")

    sqs.wait(299)
    sqs.send(queue, "b", MessageGroupId="g", MessageDeduplicationId="same")
    sqs.wait(1)
    sqs.send(queue, "c", MessageGroupId="g", MessageDeduplicationId="same")

    assert sqs.bodies(queue) == ["a", "c"]


def test_content_based_deduplication_looks_at_the_body_alone(sqs):
    queue = sqs.queue(fifo=True, content_based_deduplication="true")
    attribute = {"a": {"DataType": "String", "StringValue": "x"}}

    sqs.send(queue, "same", MessageGroupId="g")
    sqs.send(queue, "same", MessageGroupId="g", MessageAttributes=attribute)
    sqs.send(queue, "other", MessageGroupId="g")

    assert sqs.bodies(queue) == ["same", "other"]


@pytest.mark.parametrize(("scope", "received"), [("queue", ["1"]), ("messageGroup", ["1", "2"])])
def test_deduplication_is_by_queue_or_by_group(sqs, scope, received):
    queue = sqs.queue(fifo=True, deduplication_scope=scope)

    sqs.send(queue, "1", MessageGroupId="a", MessageDeduplicationId="same")
    sqs.send(queue, "2", MessageGroupId="b", MessageDeduplicationId="same")

    assert sqs.bodies(queue) == received


def test_a_send_without_a_group_is_refused(sqs):
    queue = sqs.queue(fifo=True)

    assert refusal(sqs.send, queue, "a", MessageDeduplicationId="d") == "MissingParameter"


def test_a_batch_with_an_entry_without_a_group_is_refused_whole(sqs):
    queue = sqs.queue(fifo=True)
    batch = [
        {"Id": "1", "MessageBody": "a", "MessageGroupId": "g", "MessageDeduplicationId": "1"},
        {"Id": "2", "MessageBody": "b", "MessageDeduplicationId": "2"},
    ]

    assert refusal(sqs.sqs.send_message_batch, QueueUrl=queue, Entries=batch) == "InvalidParameterValue"
    assert sqs.counts(queue) == (0, 0, 0)


def test_a_send_without_a_deduplication_id_is_refused_unless_content_makes_it(sqs):
    queue = sqs.queue(fifo=True)

    assert refusal(sqs.send, queue, "a", MessageGroupId="g") == "InvalidParameterValue"


def test_a_delay_of_one_message_is_refused(sqs):
    queue = sqs.queue(fifo=True)

    assert (
        refusal(sqs.send, queue, "a", MessageGroupId="g", MessageDeduplicationId="d", DelaySeconds=2)
        == "InvalidParameterValue"
    )


def test_the_queues_own_delay_counts_for_every_message(sqs):
    queue = sqs.queue(fifo=True, delay_seconds=1)
    sqs.send_in_order(queue, ("a", "1"))
    sqs.send(queue, "2", MessageGroupId="a", MessageDeduplicationId="d", DelaySeconds=0)

    assert sqs.counts(queue) == (0, 0, 2)
    sqs.wait(1.1)
    assert sqs.bodies(queue) == ["1", "2"]


def test_an_expired_receipt_deletes_nothing_and_is_refused(sqs):
    queue = sqs.queue(fifo=True, visibility_timeout=1)
    sqs.send_in_order(queue, ("a", "1"))
    [message] = sqs.receive(queue)
    sqs.wait(1.1)

    assert refusal(sqs.delete, queue, message) == "InvalidParameterValue"
    assert sqs.bodies(queue) == ["1"]


def test_an_exhausted_message_makes_way_for_the_next_of_its_group_in_the_same_receive(sqs):
    queue = sqs.queue(fifo=True, visibility_timeout=0, dead_letters_after=1)
    sqs.send_in_order(queue, ("a", "1"), ("a", "2"))
    assert sqs.bodies(queue, MaxNumberOfMessages=1) == ["1"]

    assert sqs.bodies(queue) == ["2"]

    assert sqs.bodies(sqs.dead_letter_url(queue)) == ["1"]


def test_every_receive_counts_also_that_of_a_mate_which_never_ran(sqs):
    queue = sqs.queue(fifo=True, visibility_timeout=0, dead_letters_after=2)
    sqs.send_in_order(queue, ("a", "poison"), ("a", "mate"))
    sqs.receive(queue)
    sqs.receive(queue)

    assert sqs.bodies(queue) == []
    assert sqs.bodies(sqs.dead_letter_url(queue)) == ["poison", "mate"]


def test_retention_begins_anew_in_a_fifo_dead_letter_queue(sqs):
    queue = sqs.queue(fifo=True, visibility_timeout=0, dead_letters_after=1)
    dead_letters = sqs.dead_letter_url(queue)
    sqs.sqs.set_queue_attributes(QueueUrl=dead_letters, Attributes={"MessageRetentionPeriod": "60"})
    sqs.send_in_order(queue, ("a", "1"))
    sqs.receive(queue)
    sqs.wait(50)
    sqs.receive(queue)

    sqs.wait(59)
    assert sqs.counts(dead_letters) == (1, 0, 0)
    sqs.wait(1)
    assert sqs.counts(dead_letters) == (0, 0, 0)


def test_sequence_numbers_grow(sqs):
    queue = sqs.queue(fifo=True)
    sqs.send_in_order(queue, ("a", "1"), ("b", "2"), ("a", "3"))

    numbers = {each["Body"]: each["Attributes"]["SequenceNumber"] for each in sqs.receive(queue)}

    assert numbers["1"] < numbers["2"] < numbers["3"]
    assert {len(number) for number in numbers.values()} == {20}


def test_a_message_shows_its_group_and_its_deduplication_id(sqs):
    queue = sqs.queue(fifo=True)
    sqs.send(queue, "a", MessageGroupId="g", MessageDeduplicationId="d")

    [message] = sqs.receive(queue)

    assert message["Attributes"]["MessageGroupId"] == "g"
    assert message["Attributes"]["MessageDeduplicationId"] == "d"
