"""Event source mappings: batches, failures, order, concurrency."""

from __future__ import annotations

import json

import pytest

KEYS = {
    "messageId",
    "receiptHandle",
    "body",
    "attributes",
    "messageAttributes",
    "md5OfBody",
    "eventSource",
    "eventSourceARN",
    "awsRegion",
}


def names(batches):
    """The scripts' own names, by batch."""
    return [[json.loads(record["body"])["name"] for record in batch] for batch in batches]


def test_a_record_is_shaped_as_on_aws(sqs):
    queue = sqs.queue()
    [message_id] = sqs.send(queue, {"name": "a"})
    sqs.consume(queue)

    [[record]] = sqs.batches(1)

    assert record.keys() == KEYS
    assert set(record["attributes"]) == {
        "ApproximateReceiveCount",
        "SentTimestamp",
        "SenderId",
        "ApproximateFirstReceiveTimestamp",
    }
    assert all(isinstance(value, str) for value in record["attributes"].values())
    assert record["messageId"] == message_id
    assert (record["messageAttributes"], record["eventSource"]) == ({}, "aws:sqs")
    assert (record["eventSourceARN"], record["awsRegion"]) == (sqs.arn(queue), "us-east-1")


def test_a_fifo_record_has_its_order_in_its_attributes(sqs):
    queue = sqs.queue(fifo=True)
    sqs.send(queue, {"name": "a"}, MessageGroupId="g", MessageDeduplicationId="d")
    sqs.consume(queue)

    [[record]] = sqs.batches(1)

    assert record["attributes"]["MessageGroupId"] == "g"
    assert record["attributes"]["MessageDeduplicationId"] == "d"
    assert len(record["attributes"]["SequenceNumber"]) == 20


ATTRIBUTES = {
    "text": {"DataType": "String", "StringValue": "x"},
    "bytes": {"DataType": "Binary", "BinaryValue": b"\x00\x01"},
}


def test_a_record_has_its_message_attributes_and_its_trace_header(sqs):
    queue = sqs.queue()
    header = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1"}}
    sqs.send(queue, {"name": "a"}, MessageAttributes=ATTRIBUTES, MessageSystemAttributes=header)
    sqs.consume(queue)

    [[record]] = sqs.batches(1)

    text, binary = record["messageAttributes"]["text"], record["messageAttributes"]["bytes"]
    assert (text["stringValue"], text["dataType"]) == ("x", "String")
    assert (binary["binaryValue"], binary["dataType"]) == ("AAE=", "Binary")
    assert record["attributes"]["AWSTraceHeader"] == "Root=1"


def test_message_attributes_come_with_their_digest_and_two_empty_lists(sqs):
    queue = sqs.queue()
    sqs.send(queue, {"name": "a"}, MessageAttributes=ATTRIBUTES)
    sqs.consume(queue)

    [[record]] = sqs.batches(1)

    assert record.keys() == KEYS | {"md5OfMessageAttributes"}
    for attribute in record["messageAttributes"].values():
        assert (attribute["stringListValues"], attribute["binaryListValues"]) == ([], [])


def test_what_was_answered_is_deleted(sqs):
    queue = sqs.queue()
    sqs.send(queue, {"name": "a"})
    sqs.consume(queue)

    assert len(sqs.batches(1)) == 1
    assert sqs.eventually(lambda: sqs.counts(queue) == (0, 0, 0))


def test_only_the_reported_records_come_back_with_another_receipt(sqs):
    queue = sqs.queue(visibility_timeout=1)
    sqs.send(queue, {"name": "good"}, {"name": "bad", "fail": 1})
    sqs.consume(queue)

    first, second = sqs.batches(2)

    assert names([first]) in ([["good", "bad"]], [["bad", "good"]])
    assert names([second]) == [["bad"]]
    before = next(record for record in first if record["messageId"] == second[0]["messageId"])
    assert before["receiptHandle"] != second[0]["receiptHandle"]
    assert before["md5OfBody"] == second[0]["md5OfBody"]
    assert second[0]["attributes"]["ApproximateReceiveCount"] == "2"
    assert sqs.eventually(lambda: sqs.counts(queue) == (0, 0, 0))


def test_an_exception_brings_the_whole_batch_back(sqs):
    queue = sqs.queue(visibility_timeout=1)
    sqs.send(queue, {"name": "good"}, {"name": "bad", "raise": "no"})
    sqs.consume(queue)

    batches = names(sqs.batches(2))

    assert sorted(name for batch in batches[:2] for name in batch) == ["bad", "bad", "good", "good"]


def test_without_partial_responses_an_answer_is_success_whatever_it_says(sqs):
    queue = sqs.queue(visibility_timeout=1)
    sqs.send(queue, {"name": "bad", "fail": 9})
    sqs.consume(queue, report=False)

    assert len(sqs.batches(1)) == 1
    assert sqs.eventually(lambda: sqs.counts(queue) == (0, 0, 0))


def test_a_visibility_that_the_handler_changed_holds_for_a_record_that_it_reports(sqs):
    queue = sqs.queue(visibility_timeout=30)
    sqs.send(queue, {"name": "a", "fail": 1, "hide": 1})
    sqs.consume(queue)

    assert names(sqs.batches(2)) == [["a"], ["a"]]


def test_a_mapping_moves_an_exhausted_message_without_running_it_again(sqs):
    queue = sqs.queue(visibility_timeout=1, dead_letters_after=2)
    sqs.send(queue, {"name": "a", "fail": 9})
    sqs.consume(queue)

    assert sqs.eventually(lambda: sqs.counts(sqs.dead_letter_url(queue)) == (1, 0, 0))
    assert names(sqs.batches()) == [["a"], ["a"]]


def test_a_dead_letter_tells_its_consumer_where_it_came_from(sqs):
    queue = sqs.queue(visibility_timeout=0, dead_letters_after=1)
    sqs.send(queue, {"name": "a"})
    sqs.receive(queue)
    sqs.receive(queue)
    sqs.consume(sqs.dead_letter_url(queue))

    [[record]] = sqs.batches(1)

    assert record["attributes"]["ApproximateReceiveCount"] == "2"
    assert record["attributes"].get("DeadLetterQueueSourceArn") == sqs.arn(queue)


def test_a_window_gathers_what_comes_within_it(sqs):
    queue = sqs.queue()
    sqs.consume(queue, batch_size=100, batch_window=2)
    for name in "abc":
        sqs.send(queue, {"name": name})
        sqs.wait(0.3)

    assert names(sqs.batches(1)) == [["a", "b", "c"]]


def test_a_batch_may_be_larger_than_a_receive(sqs):
    queue = sqs.queue()
    for index in range(15):
        sqs.send(queue, {"name": index})
    sqs.consume(queue, batch_size=15, batch_window=2)

    batches = names(sqs.batches(1))

    assert [sorted(batch) for batch in batches] == [list(range(15))]


def test_a_batch_mixes_groups_and_keeps_the_order_of_each(sqs):
    queue = sqs.queue(fifo=True)
    sqs.send_in_order(
        queue, *((group, json.dumps({"name": f"{group}{n}"})) for n in (1, 2) for group in "ab")
    )
    sqs.consume(queue)

    [batch] = names(sqs.batches(1))

    assert sorted(batch) == ["a1", "a2", "b1", "b2"]
    assert [name for name in batch if name[0] == "a"] == ["a1", "a2"]
    assert [name for name in batch if name[0] == "b"] == ["b1", "b2"]


def test_a_group_runs_in_one_invocation_at_a_time(sqs):
    queue = sqs.queue(fifo=True)
    sqs.send_in_order(queue, ("a", json.dumps({"name": "a1", "sleep": 1})), ("a", json.dumps({"name": "a2"})))
    sqs.consume(queue, batch_size=1, function_timeout=5)

    assert names(sqs.batches(1)) == [["a1"]]
    assert sqs.counts(queue) == (1, 1, 0)
    assert names(sqs.batches(2)) == [["a1"], ["a2"]]


def test_a_slow_group_holds_back_no_other(sqs):
    queue = sqs.queue(fifo=True)
    sqs.send_in_order(
        queue,
        ("a", json.dumps({"name": "a1", "sleep": 2})),
        ("a", json.dumps({"name": "a2"})),
        ("b", json.dumps({"name": "b1"})),
    )
    sqs.consume(queue, batch_size=1, function_timeout=5)

    assert names(sqs.batches(3)) == [["a1"], ["b1"], ["a2"]]


def test_what_fails_of_a_group_comes_back_before_what_is_behind_it(sqs):
    queue = sqs.queue(fifo=True, visibility_timeout=1)
    sqs.send_in_order(
        queue,
        ("a", json.dumps({"name": "a1", "fail": 1})),
        ("a", json.dumps({"name": "a2"})),
    )
    sqs.consume(queue, batch_size=1)

    assert names(sqs.batches(3)) == [["a1"], ["a1"], ["a2"]]


def test_a_maximum_concurrency_is_never_passed(sqs):
    queue = sqs.queue()
    sqs.send(queue, *({"name": name, "sleep": 1} for name in "abcd"))
    sqs.consume(queue, batch_size=1, maximum_concurrency=2, function_timeout=5)

    assert sqs.eventually(lambda: sqs.counts(queue)[1] == 2)
    assert sqs.counts(queue) == (2, 2, 0)
    assert len(sqs.batches(4)) == 4


@pytest.mark.parametrize(
    ("queue", "mapping"),
    [
        ({"fifo": True}, {"batch_size": 11}),
        ({"fifo": True}, {"batch_window": 1}),
        ({}, {"batch_size": 11}),
        ({}, {"batch_size": 10_001, "batch_window": 1}),
        ({}, {"batch_window": 301}),
        ({}, {"maximum_concurrency": 1}),
        ({"visibility_timeout": 9}, {"function_timeout": 10}),
    ],
    ids=[
        "fifo batch",
        "fifo window",
        "batch without window",
        "batch",
        "window",
        "concurrency of one",
        "visibility below the function's timeout",
    ],
)
def test_a_mapping_that_cannot_work_is_refused(sqs, queue, mapping):
    assert sqs.refuses(sqs.queue(**queue), **mapping)
