"""How time passes in a simulated world."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from headworks.testing import Ending, Killed, MovingClock, NotIdle, SimulatedAws
from headworks.testing.clock import NEW_YEAR

SECOND = timedelta(seconds=1)


@pytest.fixture
def aws():
    with SimulatedAws() as world:
        yield world


def seconds(aws):
    """The world's time, from its beginning."""
    return (aws.clock.now() - NEW_YEAR).total_seconds()


def consume(aws, handler, *bodies, visibility=30, timeout=20, **mapping):
    """A queue with messages and their consumer; answers the queue."""
    queue = aws.queue("q", visibility_timeout=visibility * SECOND)
    for body in bodies:
        queue.send(body)
    aws.map(queue, aws.function(handler, timeout=timeout * SECOND), **mapping)
    return queue


def test_nothing_happens_until_time_passes(aws):
    ran = []
    consume(aws, lambda event, _: ran.append(event), "a")

    assert ran == []
    aws.run_for(timedelta(0))
    assert len(ran) == 1


def test_moving_the_clock_is_letting_time_pass(aws):
    ran = []
    queue = consume(aws, lambda *_: ran.append(seconds(aws)))
    queue.send("a", delay=2 * SECOND)

    aws.clock.advance(3 * SECOND)

    assert (ran, seconds(aws)) == ([2.0], 3.0)


def test_a_handler_lets_time_pass_for_itself(aws):
    seen = []

    def handler(_event, context):
        for _ in range(3):
            seen.append((seconds(aws), context.get_remaining_time_in_millis()))
            aws.clock.advance(2 * SECOND)

    consume(aws, handler, "a", timeout=10)

    assert aws.run_until_idle() == 6 * SECOND
    assert seen == [(0, 10_000), (2, 8_000), (4, 6_000)]
    [invocation] = aws.invocations
    assert invocation.ended_at - invocation.started_at == 6 * SECOND


def test_what_happens_meanwhile_is_seen_from_inside(aws):
    seen = []

    def handler(event, _context):
        name = event["Records"][0]["body"]
        for _ in range(3):
            seen.append((name, seconds(aws)))
            aws.clock.advance((1 if name == "fast" else 2) * SECOND)

    consume(aws, handler, "fast", "slow", batch_size=1)
    aws.run_until_idle()

    assert seen == [
        ("fast", 0),
        ("slow", 0),
        ("fast", 1),
        ("slow", 2),
        ("fast", 2),
        ("slow", 4),
    ]


def test_a_message_whose_timeout_ends_during_its_run_is_handed_to_another_invocation_meanwhile(aws):
    runs = []

    def handler(event, _context):
        [record] = event["Records"]
        first = record["attributes"]["ApproximateReceiveCount"] == "1"
        runs.append(("starts", seconds(aws)))
        if first:
            aws.client.change_message_visibility(
                QueueUrl=queue.url, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=2
            )
            aws.clock.advance(5 * SECOND)
        else:
            aws.clock.advance(10 * SECOND)
        runs.append(("ends", seconds(aws)))

    queue = consume(aws, handler, "a")
    aws.run_for(6 * SECOND)

    assert runs == [("starts", 0), ("starts", 2), ("ends", 5)]
    assert queue.in_flight == 1  # the first one's receipt is old: it deleted nothing
    aws.run_until_idle()
    assert queue.messages == []


def test_an_invocation_is_killed_at_its_timeout_and_its_answer_never_counts(aws):
    reached = []

    def handler(_event, _context):
        aws.clock.advance(9 * SECOND)
        reached.append("before")
        aws.clock.advance(2 * SECOND)
        reached.append("after")

    queue = consume(aws, handler, "a", visibility=30, timeout=10)
    aws.run_for(12 * SECOND)

    assert reached == ["before"]
    [invocation] = aws.invocations
    assert (invocation.ending, invocation.ended_at - NEW_YEAR) == (Ending.TIMED_OUT, 10 * SECOND)
    assert queue.in_flight == 1
    aws.run_for(20 * SECOND)
    assert [message.receive_count for message in queue.messages] == [2]


def test_a_run_of_exactly_the_timeout_is_too_long(aws):
    consume(aws, lambda *_: aws.clock.advance(10 * SECOND), "a", timeout=10)

    aws.run_for(11 * SECOND)

    assert [each.ending for each in aws.invocations] == [Ending.TIMED_OUT]


def test_what_a_dying_handler_still_tries_has_no_effect(aws):
    swallowed = []

    def handler(_event, _context):
        try:
            aws.clock.advance(timedelta(hours=1))
        except Killed:
            swallowed.append("killed")
        for attempt in (lambda: aws.client.send_message(QueueUrl=queue.url, MessageBody="b"), late):
            try:
                attempt()
            except Killed:
                swallowed.append("dead")
        return {"batchItemFailures": []}

    def late():
        aws.clock.advance(SECOND)

    queue = consume(aws, handler, "a", timeout=10)
    aws.run_for(11 * SECOND)

    assert swallowed == ["killed", "dead", "dead"]
    assert queue.bodies == ["a"]


def test_threads_of_a_handler_add_their_time_up(aws):
    def handler(_event, _context):
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: aws.clock.advance(SECOND), range(4)))
        return seconds(aws)

    consume(aws, handler, "a")
    aws.run_until_idle()

    assert [each.answer for each in aws.invocations] == [4]
    assert seconds(aws) == 4


def test_before_a_handlers_own_call_the_others_catch_up_with_its_threads(aws):
    seen = []

    def handler(event, _context):
        [record] = event["Records"]
        seen.append((record["attributes"]["ApproximateReceiveCount"], seconds(aws)))
        if len(seen) > 1:
            return
        aws.client.change_message_visibility(
            QueueUrl=queue.url, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=2
        )
        with ThreadPoolExecutor(1) as pool:
            pool.submit(aws.clock.advance, 5 * SECOND).result()
        # The second delivery, due after 2 s, happened in this very call.
        aws.client.send_message(QueueUrl=other.url, MessageBody="late")
        seen.append(("back", seconds(aws)))

    other = aws.queue("other")
    queue = consume(aws, handler, "a")
    aws.run_for(10 * SECOND)

    assert seen == [("1", 0), ("2", 2), ("back", 5)]


def test_a_thread_of_a_handler_does_not_outlive_the_timeout(aws):
    reached = []

    def work():
        aws.clock.advance(timedelta(minutes=1))
        reached.append("after")

    def handler(_event, _context):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(work).result()

    consume(aws, handler, "a", timeout=10)
    aws.run_for(11 * SECOND)

    [invocation] = aws.invocations
    assert (invocation.ending, invocation.ended_at - NEW_YEAR) == (Ending.TIMED_OUT, 10 * SECOND)
    assert reached == []


def test_idle_is_when_nothing_is_left_to_happen(aws):
    def handler(event, _context):
        if event["Records"][0]["attributes"]["ApproximateReceiveCount"] != "3":
            raise RuntimeError("not yet")

    queue = consume(aws, handler, "a", visibility=30)

    assert aws.run_until_idle() == 60 * SECOND
    assert queue.messages == []


def test_a_world_that_never_comes_to_rest_says_what_is_next(aws):
    consume(aws, lambda *_: {"not", "json"}, "a")

    with pytest.raises(NotIdle, match=r"after 1:00:00 .* 2026-01-01 01:00:30"):
        aws.run_until_idle(timedelta(hours=1))


def test_a_step_is_the_next_thing_that_happens(aws):
    queue = consume(aws, lambda *_: None)
    queue.send("a", delay=7 * SECOND)

    assert aws.step()
    assert seconds(aws) == 7
    assert queue.messages == []
    assert not aws.step()


def test_a_schedule_comes_round_and_is_nothing_to_wait_for(aws):
    ticks = []
    aws.every(timedelta(minutes=1), lambda: ticks.append(seconds(aws)))

    assert aws.run_until_idle() == timedelta(0)
    aws.run_for(timedelta(minutes=3))

    assert ticks == [60, 120, 180]


def test_time_is_moved_by_one_at_a_time(aws):
    def handler(_event, _context):
        with pytest.raises(RuntimeError, match="moving already"):
            aws.run_for(SECOND)

    consume(aws, handler, "a")
    aws.run_until_idle()

    assert [each.ending for each in aws.invocations] == [Ending.ANSWERED]


def test_time_never_goes_back(aws):
    with pytest.raises(ValueError, match="doesn't pass"):
        aws.clock.advance(-SECOND)


def test_a_clock_keeps_one_world():
    clock = MovingClock()
    SimulatedAws(clock)

    with pytest.raises(ValueError, match="kept already"):
        SimulatedAws(clock)


def test_two_worlds_of_one_seed_are_the_same():
    def history(seed):
        with SimulatedAws(seed=seed) as aws:
            queue = consume(aws, lambda *_: aws.clock.advance(SECOND), *"abcdef", batch_size=2)
            aws.run_until_idle()
            assert queue.messages == []
            return [(each.request_id, each.bodies, each.records) for each in aws.invocations]

    assert history(1) == history(1)
    assert history(1) != history(2)


def test_closing_a_world_kills_what_still_runs():
    ended = []

    def handler(_event, _context):
        try:
            aws.clock.advance(timedelta(hours=1))
        finally:
            ended.append("here")

    with SimulatedAws() as aws:
        consume(aws, handler, "a")
        aws.run_for(SECOND)

    assert ended == ["here"]
