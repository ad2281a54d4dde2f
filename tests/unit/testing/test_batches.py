"""How a mapping makes batches."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest

from headworks.testing import SimulatedAws
from headworks.testing.clock import NEW_YEAR

SECOND = timedelta(seconds=1)
MIB = 1024 * 1024


@pytest.fixture
def aws():
    with SimulatedAws() as world:
        yield world


def sizes(aws):
    return [len(invocation.records) for invocation in aws.invocations]


def starts(aws):
    """When each invocation began, in seconds."""
    return [(invocation.started_at - NEW_YEAR).total_seconds() for invocation in aws.invocations]


def test_without_a_window_a_batch_is_what_there_is(aws):
    queue = aws.queue("q")
    aws.map(queue, lambda *_: None, batch_size=4)
    for name in "abcdef":
        queue.send(name)
    aws.run_until_idle()

    assert [invocation.bodies for invocation in aws.invocations] == [list("abcd"), list("ef")]


def test_a_window_begins_with_its_first_message_and_ends_in_time(aws):
    queue = aws.queue("q")
    aws.map(queue, lambda *_: None, batch_size=100, batch_window=10 * SECOND)
    aws.run_for(5 * SECOND)
    for name in "abc":
        queue.send(name)
        aws.run_for(4 * SECOND)
    aws.run_until_idle()

    assert starts(aws) == [15]
    assert aws.invocations[0].bodies == ["a", "b", "c"]


def test_a_full_batch_does_not_wait_for_its_window(aws):
    queue = aws.queue("q")
    aws.map(queue, lambda *_: None, batch_size=25, batch_window=10 * SECOND)
    for index in range(60):
        queue.send(str(index))
    aws.run_until_idle()

    assert sizes(aws) == [25, 25, 10]
    assert starts(aws) == [0, 0, 10]


def test_what_waits_in_a_window_is_in_flight_and_its_timeout_runs(aws):
    queue = aws.queue("q", visibility_timeout=30 * SECOND)
    handler = aws.function(lambda *_: aws.clock.advance(15 * SECOND), timeout=20 * SECOND)
    aws.map(queue, handler, batch_size=100, batch_window=20 * SECOND)
    queue.send("a")
    aws.run_for(10 * SECOND)
    assert queue.in_flight == 1

    aws.run_for(55 * SECOND)

    # Visible again at 30 s, while the first invocation (20 to 35 s) still runs.
    assert starts(aws) == [20, 50]


def test_a_batch_fits_the_payload_of_an_invocation(aws):
    queue = aws.queue("q", visibility_timeout=60 * SECOND)
    aws.map(queue, lambda *_: None, batch_size=10)
    for _ in range(8):
        queue.send("x" * MIB)
    aws.run_until_idle()

    assert sizes(aws) == [5, 3]


def test_a_payload_is_measured_in_bytes_of_json(aws):
    queue = aws.queue("q", visibility_timeout=60 * SECOND)
    aws.map(queue, lambda *_: None, batch_size=10)
    for _ in range(8):
        queue.send('"' * (MIB // 2))  # each a backslash longer in JSON
    aws.run_until_idle()

    assert sizes(aws) == [5, 3]


def test_a_batch_that_was_split_waits_for_its_turn(aws):
    queue = aws.queue("q", visibility_timeout=60 * SECOND)
    function = aws.function(lambda *_: aws.clock.advance(2 * SECOND))
    aws.map(queue, function, batch_size=10, maximum_concurrency=2)
    queue.send("small")
    aws.run_for(SECOND)
    for _ in range(8):
        queue.send("x" * MIB)
    aws.run_until_idle()

    assert sizes(aws) == [1, 5, 3]
    assert starts(aws) == [0, 1, 2]


def test_a_window_ends_with_its_own_batch(aws):
    queue = aws.queue("q")
    aws.map(queue, lambda *_: None, batch_size=11, batch_window=10 * SECOND)
    for index in range(11):
        queue.send(str(index))
        aws.run_for(timedelta(0))
    aws.run_for(5 * SECOND)
    queue.send("next")
    aws.run_until_idle()

    assert sizes(aws) == [11, 1]
    assert starts(aws) == [0, 15]


def test_a_place_that_a_failure_frees_is_taken_at_once(aws):
    def handler(*_):
        aws.clock.advance(SECOND)
        raise RuntimeError("no")

    queue = aws.queue("q", max_receive_count=1)
    aws.map(queue, handler, batch_size=1, maximum_concurrency=2)
    for name in "abc":
        queue.send(name)
    aws.run_until_idle()

    assert starts(aws) == [0, 0, 1]


def test_a_message_that_somebody_else_shows_again_is_taken_at_once(aws):
    queue = aws.queue("q")
    queue.send("a")
    [message] = aws.client.receive_message(QueueUrl=queue.url)["Messages"]
    aws.map(queue, lambda *_: None)
    aws.run_for(5 * SECOND)

    aws.client.change_message_visibility(
        QueueUrl=queue.url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
    )
    aws.run_for(timedelta(0))

    assert starts(aws) == [5]


def test_never_more_than_the_maximum_run_at_once(aws):
    running = []

    def handler(*_):
        running.append(function.running)
        aws.clock.advance(SECOND)

    queue = aws.queue("q")
    function = aws.function(handler)
    aws.map(queue, function, batch_size=1, maximum_concurrency=3)
    for index in range(10):
        queue.send(str(index))

    assert aws.run_until_idle() == 4 * SECOND
    assert max(running) == 3


def test_a_message_on_its_way_to_a_free_place_stays_available(aws):
    queue = aws.queue("q")
    aws.map(queue, lambda *_: aws.clock.advance(2 * SECOND), batch_size=1, maximum_concurrency=2)
    for index in range(5):
        queue.send(str(index))
    aws.run_for(SECOND)

    assert (queue.available, queue.in_flight) == (3, 2)


def test_a_message_that_comes_while_a_function_runs_does_not_wait_for_it(aws):
    queue = aws.queue("q")
    aws.map(queue, lambda *_: aws.clock.advance(2 * SECOND))
    queue.send("a")
    aws.run_for(SECOND)
    queue.send("b")
    aws.run_until_idle()

    assert starts(aws) == [0, 1]


def test_two_mappings_share_a_queue(aws):
    queue = aws.queue("q")
    one = aws.function(lambda *_: aws.clock.advance(SECOND), name="one")
    two = aws.function(lambda *_: aws.clock.advance(SECOND), name="two")
    for function in (one, two):
        aws.map(queue, function, batch_size=1, maximum_concurrency=2)
    for index in range(8):
        queue.send(str(index))

    assert aws.run_until_idle() == 2 * SECOND
    assert (len(one.invocations), len(two.invocations)) == (4, 4)


def test_a_poison_message_of_a_fifo_group_sends_mates_to_the_dead_letters_that_never_ran(aws):
    queue = aws.queue("q", fifo=True, max_receive_count=2)
    handled = []

    def handler(event, _context):
        for index, record in enumerate(event["Records"]):
            handled.append(record["body"])
            if record["body"] == "poison":
                rest = event["Records"][index:]
                return {"batchItemFailures": [{"itemIdentifier": each["messageId"]} for each in rest]}
        return {"batchItemFailures": []}

    aws.map(queue, handler, report_batch_item_failures=True)
    for name in ("poison", "mate"):
        queue.send(name, group="g", deduplication_id=name)
    aws.run_until_idle()

    assert handled == ["poison", "poison"]
    assert [message.body for message in queue.dead_letters] == ["poison", "mate"]


def test_two_poison_messages_with_five_attempts_and_a_limit_of_eight_bury_three_that_never_ran(aws):
    queue = aws.queue("q", fifo=True, max_receive_count=8)
    attempts = Counter()

    def handler(event, _context):
        for index, record in enumerate(event["Records"]):
            attempts[record["body"]] += 1
            if record["body"].startswith("poison") and attempts[record["body"]] < 5:
                rest = event["Records"][index:]
                return {"batchItemFailures": [{"itemIdentifier": each["messageId"]} for each in rest]}
        return {"batchItemFailures": []}

    for name in ("poison 1", "poison 2", "a", "b", "c"):
        queue.send(name, group="g", deduplication_id=name.replace(" ", "-"))
    aws.map(queue, handler, report_batch_item_failures=True)
    aws.run_until_idle()

    assert attempts == {"poison 1": 5, "poison 2": 4}
    assert [message.body for message in queue.dead_letters] == ["poison 2", "a", "b", "c"]


def test_an_exhausted_message_that_is_made_visible_moves_at_once(aws):
    def handler(event, _context):
        [record] = event["Records"]
        aws.client.change_message_visibility(
            QueueUrl=queue.url, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=0
        )
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}

    queue = aws.queue("q", visibility_timeout=600 * SECOND, max_receive_count=1)
    queue.send("a")
    aws.map(queue, handler, report_batch_item_failures=True)

    assert aws.run_until_idle() == timedelta(0)
    assert [message.body for message in queue.dead_letters] == ["a"]


def test_one_unknown_identifier_fails_the_whole_batch(aws):
    def handler(event, _context):
        failed = [event["Records"][0]["messageId"], "nobody"]
        return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}

    queue = aws.queue("q", max_receive_count=1)
    for name in "abc":
        queue.send(name)
    aws.map(queue, handler, report_batch_item_failures=True)
    aws.run_until_idle()

    assert [message.body for message in queue.dead_letters] == ["a", "b", "c"]


def test_setting_the_mates_of_a_failure_to_zero_has_the_group_back_with_its_first(aws):
    starts_of = []

    def handler(event, _context):
        starts_of.append((starts(aws)[-1], [record["body"] for record in event["Records"]]))
        if len(starts_of) > 1:
            return {"batchItemFailures": []}
        for record, seconds in zip(event["Records"], waits, strict=False):
            aws.client.change_message_visibility(
                QueueUrl=queue.url, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=seconds
            )
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in event["Records"]]}

    waits = [2, 0, 0]
    queue = aws.queue("q", fifo=True, visibility_timeout=12 * SECOND)
    for name in "abc":
        queue.send(name, group="g", deduplication_id=name)
    aws.map(queue, handler, report_batch_item_failures=True)
    aws.run_until_idle()

    assert starts_of == [(0, ["a", "b", "c"]), (2, ["a", "b", "c"])]


def test_mates_that_are_left_hidden_come_back_only_after_the_visibility_timeout(aws):
    delivered = []

    def handler(event, _context):
        delivered.append((starts(aws)[-1], [record["body"] for record in event["Records"]]))
        if len(delivered) > 1:
            return {"batchItemFailures": []}
        aws.client.change_message_visibility(
            QueueUrl=queue.url, ReceiptHandle=event["Records"][0]["receiptHandle"], VisibilityTimeout=2
        )
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in event["Records"]]}

    queue = aws.queue("q", fifo=True, visibility_timeout=12 * SECOND)
    for name in "abc":
        queue.send(name, group="g", deduplication_id=name)
    aws.map(queue, handler, report_batch_item_failures=True)
    aws.run_until_idle()

    assert delivered == [(0, ["a", "b", "c"]), (2, ["a"]), (12, ["b", "c"])]


def test_a_fifo_receipt_that_expires_while_the_function_runs_deletes_nothing(aws):
    queue = aws.queue("q", fifo=True, visibility_timeout=3 * SECOND)

    def handler(event, _context):
        [record] = event["Records"]
        if record["attributes"]["ApproximateReceiveCount"] == "1":
            aws.client.change_message_visibility(
                QueueUrl=queue.url, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=1
            )
            aws.clock.advance(2 * SECOND)

    aws.map(queue, handler)
    queue.send("a", group="g", deduplication_id="a")
    aws.run_until_idle()

    assert starts(aws) == [0, 1]
    assert queue.messages == []


def test_a_long_backlog_takes_no_longer_for_each_message(aws):
    queue, ordered = aws.queue("q"), aws.queue("f", fifo=True)
    handled = []

    def handler(event, _context):
        handled.extend((record["eventSourceARN"], record["body"]) for record in event["Records"])

    for index in range(10_000):
        queue.send(str(index))
        ordered.send(str(index), group=str(index % 50), deduplication_id=str(index))
    aws.map(queue, handler)
    aws.map(ordered, handler)
    aws.run_until_idle()

    assert len(handled) == len(set(handled)) == 20_000
    by_group = [int(body) for arn, body in handled if arn == ordered.arn and int(body) % 50 == 7]
    assert by_group == sorted(by_group)
