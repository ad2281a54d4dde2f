"""What SQS refuses, and with which code."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

MIB = 1024 * 1024
PREFIX = "AWS.SimpleQueueService."


def refusal(call, *arguments, **keywords):
    """The code with which SQS refuses a call."""
    with pytest.raises(ClientError) as caught:
        call(*arguments, **keywords)
    return caught.value.response["Error"]["Code"]


def entries(*bodies, **fields):
    return [{"Id": str(index), "MessageBody": body, **fields} for index, body in enumerate(bodies)]


def attributes(number, value="x"):
    return {f"a{index}": {"DataType": "String", "StringValue": value} for index in range(number)}


def test_a_missing_queue_is_an_error_of_its_own_class(sqs):
    with pytest.raises(sqs.sqs.exceptions.QueueDoesNotExist) as caught:
        sqs.sqs.send_message(QueueUrl=sqs.queue() + "-missing", MessageBody="a")

    assert caught.value.response["Error"]["Code"] == f"{PREFIX}NonExistentQueue"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert refusal(sqs.sqs.get_queue_url, QueueName="missing") == f"{PREFIX}NonExistentQueue"


def test_creating_a_queue_again_finds_it(sqs):
    queue = sqs.queue(visibility_timeout=7)
    name = queue.rpartition("/")[2]

    again = sqs.sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "7"})

    assert again["QueueUrl"] == queue
    assert sqs.sqs.get_queue_url(QueueName=name)["QueueUrl"] == queue
    assert sqs.sqs.list_queues(QueueNamePrefix=name)["QueueUrls"] == [queue]


def test_creating_a_queue_again_with_other_attributes_is_refused(sqs):
    name = sqs.queue(visibility_timeout=7).rpartition("/")[2]

    with pytest.raises(sqs.sqs.exceptions.QueueNameExists) as caught:
        sqs.sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "8"})

    assert caught.value.response["Error"]["Code"] == "QueueAlreadyExists"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VisibilityTimeout", "43201"),
        ("MessageRetentionPeriod", "59"),
        ("MessageRetentionPeriod", "1209601"),
        ("DelaySeconds", "901"),
        ("MaximumMessageSize", "1048577"),
        ("ReceiveMessageWaitTimeSeconds", "21"),
        ("VisibilityTimeout", "soon"),
    ],
)
def test_an_attribute_outside_its_range_is_refused(sqs, name, value):
    queue = sqs.queue()

    assert (
        refusal(sqs.sqs.set_queue_attributes, QueueUrl=queue, Attributes={name: value})
        == "InvalidAttributeValue"
    )


def test_an_unknown_attribute_is_refused(sqs):
    queue = sqs.queue()

    assert (
        refusal(sqs.sqs.set_queue_attributes, QueueUrl=queue, Attributes={"Colour": "red"})
        == "InvalidAttributeName"
    )


def test_attributes_have_the_defaults_of_aws(sqs):
    queue = sqs.queue()

    shown = sqs.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]

    assert (
        shown.items()
        >= {
            "VisibilityTimeout": "30",
            "MaximumMessageSize": str(MIB),
            "MessageRetentionPeriod": "345600",
            "DelaySeconds": "0",
            "ReceiveMessageWaitTimeSeconds": "0",
        }.items()
    )


@pytest.mark.parametrize("number", [0, 11])
def test_a_receive_takes_one_to_ten(sqs, number):
    queue = sqs.queue()

    assert refusal(sqs.receive, queue, MaxNumberOfMessages=number) == "InvalidParameterValue"


def test_a_message_may_have_one_mebibyte(sqs):
    queue = sqs.queue()

    sqs.send(queue, "x" * MIB)

    assert refusal(sqs.send, queue, "x" * (MIB + 1)) == "InvalidParameterValue"


def test_bytes_count_and_not_characters(sqs):
    queue = sqs.queue(maximum_message_size=1024)

    sqs.send(queue, "\u00e9" * 512)

    assert refusal(sqs.send, queue, "\u00e9" * 513) == "InvalidParameterValue"


def test_attributes_count_with_their_names_and_types(sqs):
    queue = sqs.queue(maximum_message_size=1024)
    one = {"name": {"DataType": "String", "StringValue": "value"}}  # 4 + 6 + 5 bytes

    sqs.send(queue, "x" * 1009, MessageAttributes=one)

    assert refusal(sqs.send, queue, "x" * 1010, MessageAttributes=one) == "InvalidParameterValue"


def test_a_message_has_at_most_ten_attributes(sqs):
    queue = sqs.queue()

    sqs.send(queue, "a", MessageAttributes=attributes(10))

    assert refusal(sqs.send, queue, "a", MessageAttributes=attributes(11)) == "InvalidParameterValue"


@pytest.mark.parametrize(
    "attribute",
    [
        {"name": {"DataType": "String", "StringValue": ""}},
        {"name": {"DataType": "Text", "StringValue": "x"}},
        {"name": {"DataType": "Number", "StringValue": "x"}},
        {"name": {"DataType": "String", "StringValue": "\x00"}},
        {"AWS.name": {"DataType": "String", "StringValue": "x"}},
        {"na me": {"DataType": "String", "StringValue": "x"}},
    ],
    ids=["empty", "unknown type", "no number", "refused character", "reserved name", "space in name"],
)
def test_an_attribute_that_cannot_be_is_refused(sqs, attribute):
    queue = sqs.queue()

    assert refusal(sqs.send, queue, "a", MessageAttributes=attribute) == "InvalidParameterValue"


@pytest.mark.parametrize("character", ["\x00", "\x0b", "\x1f", "\ufffe", "\uffff"])
def test_some_characters_that_json_allows_are_refused(sqs, character):
    queue = sqs.queue()

    assert refusal(sqs.send, queue, f"a{character}b") == "InvalidMessageContents"


@pytest.mark.parametrize("character", ["\t", "\n", "\r", "\x7f", "\ud7ff", "\ufffd", "\U0010ffff"])
def test_every_other_character_travels(sqs, character):
    queue = sqs.queue()

    sqs.send(queue, f"a{character}b")

    assert sqs.bodies(queue) == [f"a{character}b"]


def test_an_empty_body_is_refused(sqs):
    assert refusal(sqs.send, sqs.queue(), "") == "MissingParameter"


def test_a_deduplication_id_on_a_standard_queue_is_refused(sqs):
    assert refusal(sqs.send, sqs.queue(), "a", MessageDeduplicationId="d") == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("batch", "code"),
    [
        ([], "EmptyBatchRequest"),
        (entries(*"abcdefghijk"), "TooManyEntriesInBatchRequest"),
        ([*entries("a"), *entries("b")], "BatchEntryIdsNotDistinct"),
        ([{"Id": "a b", "MessageBody": "a"}], "InvalidBatchEntryId"),
        ([{"Id": "x" * 81, "MessageBody": "a"}], "InvalidBatchEntryId"),
        (entries("x" * 600_000, "y" * 600_000), "BatchRequestTooLong"),
    ],
    ids=["empty", "eleven", "equal ids", "space in id", "long id", "too long together"],
)
def test_a_batch_that_is_refused_whole(sqs, batch, code):
    queue = sqs.queue()

    assert refusal(sqs.sqs.send_message_batch, QueueUrl=queue, Entries=batch) == f"{PREFIX}{code}"
    assert sqs.counts(queue) == (0, 0, 0)


def test_an_entry_that_is_refused_leaves_the_others_alone(sqs):
    queue = sqs.queue()

    answer = sqs.sqs.send_message_batch(QueueUrl=queue, Entries=entries("a", "\ufffe", "c"))

    assert [each["Id"] for each in answer["Successful"]] == ["0", "2"]
    [failed] = answer["Failed"]
    assert (failed["Id"], failed["Code"], failed["SenderFault"]) == ("1", "InvalidMessageContents", True)


def test_messages_are_deleted_and_hidden_in_batches(sqs):
    queue = sqs.queue()
    sqs.send(queue, "a", "b")
    received = sqs.receive(queue)
    handles = [
        {"Id": str(index), "ReceiptHandle": each["ReceiptHandle"]} for index, each in enumerate(received)
    ]
    wrong = {"Id": "wrong", "ReceiptHandle": "nonsense"}

    hidden = sqs.sqs.change_message_visibility_batch(
        QueueUrl=queue, Entries=[{**each, "VisibilityTimeout": 0} for each in [*handles, wrong]]
    )
    assert sqs.counts(queue) == (2, 0, 0)
    deleted = sqs.sqs.delete_message_batch(QueueUrl=queue, Entries=[*handles, wrong])
    assert sqs.counts(queue) == (0, 0, 0)

    for answer in (hidden, deleted):
        assert [each["Id"] for each in answer["Successful"]] == ["0", "1"]
        assert [(each["Id"], each["Code"]) for each in answer["Failed"]] == [
            ("wrong", "ReceiptHandleIsInvalid")
        ]


@pytest.mark.parametrize("name", ["with space", "x" * 81, "queue.fifo"], ids=["space", "long", "fifo suffix"])
def test_a_queue_name_that_cannot_be_is_refused(sqs, name):
    assert refusal(sqs.sqs.create_queue, QueueName=name) == "InvalidParameterValue"


def test_a_redrive_needs_a_queue_that_exists(sqs):
    policy = json.dumps({"deadLetterTargetArn": sqs.arn(sqs.queue()) + "-missing", "maxReceiveCount": 1})

    assert (
        refusal(sqs.sqs.set_queue_attributes, QueueUrl=sqs.queue(), Attributes={"RedrivePolicy": policy})
        == "InvalidParameterValue"
    )


@pytest.mark.parametrize("number", [0, 1001])
def test_a_redrive_happens_after_one_to_a_thousand_receives(sqs, number):
    policy = json.dumps({"deadLetterTargetArn": sqs.arn(sqs.queue()), "maxReceiveCount": number})

    assert (
        refusal(sqs.sqs.set_queue_attributes, QueueUrl=sqs.queue(), Attributes={"RedrivePolicy": policy})
        == "InvalidParameterValue"
    )


@pytest.mark.parametrize("fifo", [True, False])
def test_a_dead_letter_queue_is_of_its_sources_type(sqs, fifo):
    policy = json.dumps({"deadLetterTargetArn": sqs.arn(sqs.queue(fifo=not fifo)), "maxReceiveCount": 1})
    queue = sqs.queue(fifo=fifo)

    assert (
        refusal(sqs.sqs.set_queue_attributes, QueueUrl=queue, Attributes={"RedrivePolicy": policy})
        == "InvalidParameterValue"
    )
