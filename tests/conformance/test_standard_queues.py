"""Standard queues: visibility, receipts, delays, counts, redrive."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

# Recorded on AWS for these three attributes.
BOOK = {
    "Title": {"DataType": "String", "StringValue": "The Whistler"},
    "Author": {"DataType": "String", "StringValue": "John Grisham"},
    "WeeksOn": {"DataType": "Number", "StringValue": "6"},
}
BOOK_MD5 = "d25a6aea97eb8f585bfa92d314504a92"


def refusal(call, *arguments, **keywords):
    """The code with which SQS refuses a call."""
    with pytest.raises(ClientError) as caught:
        call(*arguments, **keywords)
    return caught.value.response["Error"]["Code"]


def test_a_received_message_is_hidden_for_its_visibility_timeout_and_comes_back(sqs):
    queue = sqs.queue(visibility_timeout=1)
    sqs.send(queue, "a")

    assert sqs.bodies(queue) == ["a"]
    assert sqs.bodies(queue) == []
    sqs.wait(1.1)
    assert sqs.bodies(queue) == ["a"]


def test_each_receive_has_its_receipt_and_is_counted_while_id_and_first_receive_stay(sqs):
    queue = sqs.queue(visibility_timeout=0)
    [message_id] = sqs.send(queue, "a")

    [first] = sqs.receive(queue)
    sqs.wait(0.1)
    [second] = sqs.receive(queue)

    assert first["ReceiptHandle"] != second["ReceiptHandle"]
    assert [each["MessageId"] for each in (first, second)] == [message_id, message_id]
    assert [each["Attributes"]["ApproximateReceiveCount"] for each in (first, second)] == ["1", "2"]
    for name in ("SentTimestamp", "ApproximateFirstReceiveTimestamp"):
        assert first["Attributes"][name] == second["Attributes"][name]


def test_a_receive_may_choose_its_own_visibility_timeout(sqs):
    queue = sqs.queue(visibility_timeout=30)
    sqs.send(queue, "a")

    assert sqs.bodies(queue, VisibilityTimeout=0) == ["a"]
    assert sqs.bodies(queue) == ["a"]


def test_a_delayed_message_comes_when_its_delay_is_over(sqs):
    queue = sqs.queue()
    sqs.send(queue, "later", DelaySeconds=1)

    assert sqs.bodies(queue) == []
    assert sqs.counts(queue) == (0, 0, 1)
    sqs.wait(1.1)
    assert sqs.bodies(queue) == ["later"]


def test_a_queue_delays_what_does_not_say_otherwise(sqs):
    queue = sqs.queue(delay_seconds=60)
    sqs.send(queue, "later")
    sqs.send(queue, "now", DelaySeconds=0)

    assert sqs.bodies(queue) == ["now"]
    assert sqs.counts(queue) == (0, 1, 1)


def test_a_delay_over_fifteen_minutes_is_refused(sqs):
    queue = sqs.queue()

    assert refusal(sqs.send, queue, "a", DelaySeconds=901) == "InvalidParameterValue"


def test_counts_tell_hidden_retries_as_in_flight(sqs):
    queue = sqs.queue()
    sqs.send(queue, "a", "b", "c")
    [message] = sqs.receive(queue, MaxNumberOfMessages=1)

    sqs.hide(queue, message, 60)

    assert sqs.counts(queue) == (2, 1, 0)


def test_a_deleted_message_is_gone(sqs):
    queue = sqs.queue(visibility_timeout=0)
    sqs.send(queue, "a")
    [message] = sqs.receive(queue)

    sqs.delete(queue, message)

    assert sqs.bodies(queue) == []
    assert sqs.counts(queue) == (0, 0, 0)


def test_deleting_twice_succeeds(sqs):
    queue = sqs.queue()
    sqs.send(queue, "a")
    [message] = sqs.receive(queue)

    sqs.delete(queue, message)
    sqs.delete(queue, message)


def test_a_receipt_deletes_after_its_timeout_while_nobody_else_received_the_message(sqs):
    queue = sqs.queue(visibility_timeout=0)
    sqs.send(queue, "a")
    [message] = sqs.receive(queue)

    sqs.delete(queue, message)

    assert sqs.counts(queue) == (0, 0, 0)


def test_an_old_receipt_deletes_nothing_and_says_nothing(sqs):
    queue = sqs.queue(visibility_timeout=0)
    sqs.send(queue, "a")
    [old] = sqs.receive(queue)
    [_new] = sqs.receive(queue)

    sqs.delete(queue, old)

    assert sqs.bodies(queue) == ["a"]


@pytest.mark.parametrize("handle", ["nonsense", "bm9uc2Vuc2U=", "\u00e9"])
def test_what_is_no_receipt_is_refused(sqs, handle):
    queue = sqs.queue()

    assert refusal(sqs.delete, queue, {"ReceiptHandle": handle}) == "ReceiptHandleIsInvalid"
    assert refusal(sqs.hide, queue, {"ReceiptHandle": handle}, 0) == "ReceiptHandleIsInvalid"


def test_a_receipt_of_another_queue_is_refused(sqs):
    queue, other = sqs.queue(), sqs.queue()
    sqs.send(queue, "a")
    [message] = sqs.receive(queue)

    assert refusal(sqs.delete, other, message) == "ReceiptHandleIsInvalid"


def test_a_message_that_was_hidden_and_shown_again_is_handed_out_once(sqs):
    queue = sqs.queue(visibility_timeout=0)
    sqs.send(queue, "a")
    [message] = sqs.receive(queue)

    for seconds in (30, 0, 30, 0):
        sqs.hide(queue, message, seconds)

    assert sqs.bodies(queue) == ["a"]


def test_a_changed_visibility_counts_from_the_change(sqs):
    queue = sqs.queue(visibility_timeout=30)
    sqs.send(queue, "a")
    [message] = sqs.receive(queue)

    sqs.hide(queue, message, 1)

    assert sqs.bodies(queue) == []
    sqs.wait(1.1)
    assert sqs.bodies(queue) == ["a"]


def test_a_visibility_of_zero_shows_a_message_at_once(sqs):
    queue = sqs.queue(visibility_timeout=30)
    sqs.send(queue, "a")
    [message] = sqs.receive(queue)

    sqs.hide(queue, message, 0)

    assert sqs.bodies(queue) == ["a"]


def test_visibility_can_be_changed_after_the_timeout_while_nobody_else_received_the_message(sqs):
    queue = sqs.queue(visibility_timeout=0)
    sqs.send(queue, "a")
    [message] = sqs.receive(queue)

    sqs.hide(queue, message, 30)

    assert sqs.bodies(queue) == []
    assert sqs.counts(queue) == (0, 1, 0)


def test_the_visibility_of_a_deleted_message_cannot_be_changed(sqs):
    queue = sqs.queue()
    sqs.send(queue, "a")
    [message] = sqs.receive(queue)
    sqs.delete(queue, message)

    assert refusal(sqs.hide, queue, message, 1) == "InvalidParameterValue"


def test_over_twelve_hours_of_invisibility_are_an_error_and_no_clamp(sqs):
    queue = sqs.queue()
    sqs.send(queue, "a")
    [message] = sqs.receive(queue)
    sqs.wait(1.1)

    assert refusal(sqs.hide, queue, message, 43_200) == "InvalidParameterValue"
    sqs.hide(queue, message, 43_198)


def test_the_twelve_hours_begin_with_each_receive(sqs):
    queue = sqs.queue(visibility_timeout=40_000)
    sqs.send(queue, "a")
    sqs.receive(queue)
    sqs.wait(40_000)
    [message] = sqs.receive(queue)

    sqs.hide(queue, message, 43_200)

    assert sqs.counts(queue) == (0, 1, 0)


@pytest.mark.parametrize("seconds", [-1, 43_201])
def test_a_visibility_outside_zero_to_twelve_hours_is_refused(sqs, seconds):
    queue = sqs.queue()
    sqs.send(queue, "a")
    [message] = sqs.receive(queue)

    assert refusal(sqs.hide, queue, message, seconds) == "InvalidParameterValue"


def test_an_exhausted_message_moves_on_the_next_receive_and_not_before(sqs):
    queue = sqs.queue(visibility_timeout=0, dead_letters_after=1)
    dead_letters = sqs.dead_letter_url(queue)
    sqs.send(queue, "a")
    assert sqs.bodies(queue) == ["a"]

    assert sqs.counts(queue) == (1, 0, 0)
    assert sqs.counts(dead_letters) == (0, 0, 0)

    assert sqs.bodies(queue) == []
    assert sqs.counts(queue) == (0, 0, 0)
    assert sqs.counts(dead_letters) == (1, 0, 0)


def test_a_moved_message_keeps_its_id_its_times_and_its_receive_count(sqs):
    queue = sqs.queue(visibility_timeout=0, dead_letters_after=2)
    sqs.send(queue, "a", MessageAttributes=BOOK)
    [before], [_], [] = sqs.receive(queue), sqs.receive(queue), sqs.receive(queue)

    [after] = sqs.receive(sqs.dead_letter_url(queue))

    for name in ("MessageId", "Body", "MessageAttributes"):
        assert after[name] == before[name]
    for name in ("SentTimestamp", "ApproximateFirstReceiveTimestamp"):
        assert after["Attributes"][name] == before["Attributes"][name]
    assert after["Attributes"]["ApproximateReceiveCount"] == "3"
    assert after["Attributes"]["DeadLetterQueueSourceArn"] == sqs.arn(queue)


def test_attributes_and_digests_are_those_of_aws(sqs):
    queue = sqs.queue()

    sent = sqs.sqs.send_message(QueueUrl=queue, MessageBody="test", MessageAttributes=BOOK)
    [message] = sqs.receive(queue)

    assert sent["MD5OfMessageBody"] == message["MD5OfBody"] == "098f6bcd4621d373cade4e832627b4f6"
    assert sent["MD5OfMessageAttributes"] == message["MD5OfMessageAttributes"] == BOOK_MD5
    assert message["MessageAttributes"] == BOOK


def test_binary_attributes_are_digested_as_on_aws(sqs):
    queue = sqs.queue()
    value = b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01"

    sqs.send(queue, "test", MessageAttributes={"attr1": {"DataType": "Binary", "BinaryValue": value}})
    [message] = sqs.receive(queue)

    assert message["MessageAttributes"]["attr1"] == {"DataType": "Binary", "BinaryValue": value}
    assert message["MD5OfMessageAttributes"] == "8cbe4db156db8a94db8b801b7addb984"


@pytest.mark.parametrize(
    ("names", "received"),
    [
        ([], set()),
        (["All"], {"Hello", "Help.Me", "General"}),
        ([".*"], {"Hello", "Help.Me", "General"}),
        (["Hello", "Other"], {"Hello"}),
        (["Help.*"], {"Help.Me"}),
        (["Hel.*"], {"Hello", "Help.Me"}),
    ],
)
def test_a_receive_gets_the_attributes_that_it_asks_for(sqs, names, received):
    queue = sqs.queue()
    attributes = {
        name: {"DataType": "String", "StringValue": "x"} for name in ("Hello", "Help.Me", "General")
    }
    sqs.send(queue, "a", MessageAttributes=attributes)

    [message] = sqs.receive(queue, MessageAttributeNames=names)

    assert set(message.get("MessageAttributes", {})) == received


def test_system_attributes_come_when_asked_for(sqs):
    queue = sqs.queue(visibility_timeout=0)
    sqs.send(queue, "a")

    [nothing] = sqs.receive(queue, AttributeNames=[])
    [one] = sqs.receive(queue, AttributeNames=[], MessageSystemAttributeNames=["ApproximateReceiveCount"])

    assert "Attributes" not in nothing
    assert one["Attributes"] == {"ApproximateReceiveCount": "2"}


def test_the_trace_header_is_handed_on(sqs):
    queue = sqs.queue()
    header = "Root=1-5759e988-bd862e3fe1be46a994272793"

    sqs.send(
        queue,
        "a",
        MessageSystemAttributes={"AWSTraceHeader": {"DataType": "String", "StringValue": header}},
    )

    assert sqs.receive(queue)[0]["Attributes"]["AWSTraceHeader"] == header


def test_the_tenant_of_a_fair_queue_is_handed_on(sqs):
    queue = sqs.queue()

    sqs.send(queue, "a", MessageGroupId="tenant-1")

    assert sqs.receive(queue)[0]["Attributes"]["MessageGroupId"] == "tenant-1"


def test_a_purge_takes_everything_in_flight_or_not(sqs):
    queue = sqs.queue()
    sqs.send(queue, "a", "b")
    sqs.receive(queue, MaxNumberOfMessages=1)

    sqs.sqs.purge_queue(QueueUrl=queue)

    assert sqs.counts(queue) == (0, 0, 0)


def test_a_second_purge_within_a_minute_is_refused(sqs):
    queue = sqs.queue()
    sqs.sqs.purge_queue(QueueUrl=queue)

    assert refusal(sqs.sqs.purge_queue, QueueUrl=queue) == "AWS.SimpleQueueService.PurgeQueueInProgress"


def test_retention_deletes_silently_in_flight_or_not(sqs):
    queue = sqs.queue(message_retention_period=60, visibility_timeout=600)
    sqs.send(queue, "taken", "left")
    [message] = sqs.receive(queue, MaxNumberOfMessages=1)

    sqs.wait(59)
    assert sum(sqs.counts(queue)) == 2
    sqs.wait(1)

    assert sqs.counts(queue) == (0, 0, 0)
    sqs.delete(queue, message)


def test_on_standard_queues_retention_goes_on_from_the_first_send_in_the_dead_letter_queue(sqs):
    queue = sqs.queue(visibility_timeout=0, dead_letters_after=1)
    dead_letters = sqs.dead_letter_url(queue)
    sqs.sqs.set_queue_attributes(QueueUrl=dead_letters, Attributes={"MessageRetentionPeriod": "60"})
    sqs.send(queue, "a")
    sqs.receive(queue)
    sqs.wait(50)

    sqs.receive(queue)
    assert sqs.counts(dead_letters) == (1, 0, 0)
    sqs.wait(10)

    assert sqs.counts(dead_letters) == (0, 0, 0)


def test_redriven_messages_are_new_ones(sqs):
    queue = sqs.queue(visibility_timeout=0, dead_letters_after=1)
    dead_letters = sqs.dead_letter_url(queue)
    [message_id] = sqs.send(queue, "a")
    sqs.receive(queue)
    sqs.receive(queue)

    sqs.sqs.start_message_move_task(SourceArn=sqs.arn(dead_letters))

    assert sqs.eventually(lambda: sqs.counts(queue) == (1, 0, 0))
    [moved] = sqs.receive(queue)
    assert moved["MessageId"] != message_id
    assert moved["Attributes"]["ApproximateReceiveCount"] == "1"
    assert "DeadLetterQueueSourceArn" not in moved["Attributes"]
