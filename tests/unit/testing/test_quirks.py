"""What SQS may do and mostly doesn't; limits that a test can't fill."""

from __future__ import annotations

from datetime import timedelta

import pytest
from botocore.exceptions import ClientError

from headworks.testing import Quirks, SimulatedAws

SECOND = timedelta(seconds=1)


@pytest.fixture
def aws():
    with SimulatedAws() as world:
        yield world


def receive(aws, queue, **fields):
    return aws.client.receive_message(QueueUrl=queue.url, MaxNumberOfMessages=10, **fields).get(
        "Messages", []
    )


def deliveries(aws, queue):
    """Every body that a consumer gets until there is nothing left."""
    got = []
    aws.map(queue, lambda event, _: got.extend(record["body"] for record in event["Records"]))
    aws.run_until_idle()
    return got


def test_a_standard_queue_keeps_the_order_unless_it_is_told_to_shuffle(aws):
    names = [str(index) for index in range(50)]
    orderly, shuffled = aws.queue("a"), aws.queue("b", quirks=Quirks(shuffle=True))
    for name in names:
        orderly.send(name)
        shuffled.send(name)

    assert deliveries(aws, orderly) == names
    got = deliveries(aws, shuffled)
    assert got != names
    assert sorted(got) == sorted(names)


def test_a_fifo_queue_is_never_shuffled_nor_duplicated(aws):
    queue = aws.queue("q", fifo=True, quirks=Quirks(shuffle=True, duplicate=1))
    for name in "abcdef":
        queue.send(name, group="g", deduplication_id=name)

    assert deliveries(aws, queue) == list("abcdef")


def test_a_duplicate_is_the_same_message_with_a_receipt_of_its_own(aws):
    queue = aws.queue("q", quirks=Quirks(duplicate=1))
    message_id = queue.send("a")

    [first], [second] = receive(aws, queue), receive(aws, queue)

    assert first["MessageId"] == second["MessageId"] == message_id
    assert first["ReceiptHandle"] != second["ReceiptHandle"]


def test_a_duplicate_comes_even_after_the_message_was_deleted(aws):
    queue = aws.queue("q", quirks=Quirks(duplicate=1))
    queue.send("a")
    [message] = receive(aws, queue)

    aws.client.delete_message(QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"])

    assert [each["Body"] for each in receive(aws, queue)] == ["a"]


def test_duplicates_are_as_frequent_as_asked_and_the_same_in_every_run():
    def number(seed):
        with SimulatedAws(seed=seed) as aws:
            queue = aws.queue("q", quirks=Quirks(duplicate=0.2))
            for index in range(200):
                queue.send(str(index))
            return len(deliveries(aws, queue))

    assert 220 < number(1) < 300
    assert number(1) == number(1)


def test_a_purge_may_take_what_arrives_within_the_next_minute(aws):
    queue = aws.queue("q", quirks=Quirks(purge_takes_arrivals=True))
    aws.client.purge_queue(QueueUrl=queue.url)

    aws.run_for(59 * SECOND)
    queue.send("taken")
    aws.run_for(SECOND)
    queue.send("kept")

    assert queue.bodies == ["kept"]


def test_a_purge_takes_by_default_what_is_there(aws):
    queue = aws.queue("q")
    queue.send("taken")
    aws.client.purge_queue(QueueUrl=queue.url)
    queue.send("kept")

    assert queue.bodies == ["kept"]


def full(aws, **kind):
    queue = aws.queue("q", quirks=Quirks(most_in_flight=3), **kind)
    for name in "abcde":
        group = {"group": name, "deduplication_id": name} if kind else {}
        queue.send(name, **group)
    assert len(receive(aws, queue)) == 3
    return queue


def test_with_too_many_in_flight_a_standard_queue_refuses_a_short_poll(aws):
    queue = full(aws)

    with pytest.raises(aws.client.exceptions.OverLimit):
        receive(aws, queue)


@pytest.mark.parametrize(("kind", "wait"), [({}, 1), ({"fifo": True}, 0), ({"fifo": True}, 1)])
def test_with_too_many_in_flight_others_get_nothing_and_no_error(aws, kind, wait):
    queue = full(aws, **kind)

    assert receive(aws, queue, WaitTimeSeconds=wait) == []


def test_hidden_retries_hold_up_everybody_when_too_many_are_in_flight(aws):
    queue = aws.queue("q", visibility_timeout=60 * SECOND, quirks=Quirks(most_in_flight=3))
    for name in "abcd":
        queue.send(name)

    def handler(event, _context):
        failures = [{"itemIdentifier": each["messageId"]} for each in event["Records"] if each["body"] != "d"]
        return {"batchItemFailures": failures}

    aws.map(queue, handler, report_batch_item_failures=True)
    aws.run_for(59 * SECOND)
    assert (queue.available, queue.in_flight) == (1, 3)

    aws.run_for(SECOND)

    assert [message.body for message in queue.messages] == ["a", "b", "c"]


def test_a_noisy_tenant_comes_after_the_others(aws):
    queue = aws.queue("q", visibility_timeout=600 * SECOND)
    for index in range(60):
        queue.send(f"noisy {index}", group="noisy")
    for _ in range(3):
        receive(aws, queue)  # 30 in flight, all of them of one tenant
    queue.send("quiet", group="quiet")
    queue.send("none")

    bodies = [message["Body"] for message in receive(aws, queue)]

    assert bodies[:2] == ["quiet", "none"]
    assert all(body.startswith("noisy") for body in bodies[2:])


def test_a_tenant_is_not_noisy_with_few_in_flight(aws):
    queue = aws.queue("q", visibility_timeout=600 * SECOND)
    for index in range(60):
        queue.send(f"busy {index}", group="busy")
    for _ in range(2):
        receive(aws, queue)
    queue.send("quiet", group="quiet")

    assert all(message["Body"].startswith("busy") for message in receive(aws, queue))


def test_dead_letters_of_unknown_origin_need_a_destination(aws):
    queue = aws.queue("q", max_receive_count=1)
    target = queue.dead_letter_queue
    target.send("sent there directly")

    aws.client.start_message_move_task(SourceArn=target.arn)
    aws.run_until_idle()
    [task] = aws.client.list_message_move_tasks(SourceArn=target.arn)["Results"]
    assert (task["Status"], task["FailureReason"]) == ("FAILED", "CouldNotDetermineMessageSource")

    aws.client.start_message_move_task(SourceArn=target.arn, DestinationArn=queue.arn)
    aws.run_until_idle()
    assert queue.bodies == ["sent there directly"]


def test_a_redrive_runs_alone_at_its_pace_and_can_be_stopped(aws):
    queue = aws.queue("q", max_receive_count=1)
    target = queue.dead_letter_queue
    for index in range(10):
        target.send(str(index))
    handle = aws.client.start_message_move_task(
        SourceArn=target.arn, DestinationArn=queue.arn, MaxNumberOfMessagesPerSecond=2
    )["TaskHandle"]

    with pytest.raises(ClientError, match="already a task"):
        aws.client.start_message_move_task(SourceArn=target.arn)
    aws.run_for(2 * SECOND)
    assert aws.client.cancel_message_move_task(TaskHandle=handle)["ApproximateNumberOfMessagesMoved"] == 6
    aws.run_until_idle()

    assert (queue.available, target.available) == (6, 4)


def test_a_redrive_starts_at_a_dead_letter_queue(aws):
    queue = aws.queue("q")

    with pytest.raises(ClientError, match="Dead Letter Queue"):
        aws.client.start_message_move_task(SourceArn=queue.arn)


@pytest.mark.parametrize("number", [0, 501])
def test_a_redrive_moves_one_to_five_hundred_a_second(aws, number):
    target = aws.queue("q", max_receive_count=1).dead_letter_queue

    with pytest.raises(ClientError, match="MaxNumberOfMessagesPerSecond"):
        aws.client.start_message_move_task(SourceArn=target.arn, MaxNumberOfMessagesPerSecond=number)
