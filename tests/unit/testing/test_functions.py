"""Lambda functions: environments, deaths, throttles."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headworks.testing import Ending, Killed, SimulatedAws

SECOND = timedelta(seconds=1)


@pytest.fixture
def aws():
    with SimulatedAws() as world:
        yield world


def fill(queue, number):
    for index in range(number):
        queue.send(str(index))


@pytest.mark.parametrize(
    ("how", "ending"),
    [
        (RuntimeError("no"), Ending.FAILED),
        (Killed(), Ending.DIED),
        (SystemExit(1), Ending.DIED),
    ],
)
def test_a_handler_that_ends_without_an_answer_gets_its_batch_again(aws, how, ending):
    def handler(event, _context):
        if event["Records"][0]["attributes"]["ApproximateReceiveCount"] == "1":
            raise how

    queue = aws.queue("q")
    fill(queue, 2)
    aws.map(queue, handler, report_batch_item_failures=True)

    assert aws.run_until_idle() == 30 * SECOND
    assert [each.ending for each in aws.invocations] == [ending, Ending.ANSWERED]
    assert aws.invocations[0].error is how
    assert queue.messages == []


def test_no_except_exception_survives_a_death(aws):
    def handler(_event, _context):
        try:
            die()
        except Exception:  # noqa: BLE001 - what careless handlers do
            return {"batchItemFailures": []}

    def die():
        raise Killed

    queue = aws.queue("q")
    fill(queue, 1)
    aws.map(queue, handler)
    aws.run_for(SECOND)

    assert [each.ending for each in aws.invocations] == [Ending.DIED]
    assert queue.in_flight == 1


def test_what_ends_a_test_ends_it_from_inside_a_handler_too(aws):
    def handler(_event, _context):
        pytest.fail("seen")

    queue = aws.queue("q")
    fill(queue, 1)
    aws.map(queue, handler)

    with pytest.raises(pytest.fail.Exception, match="seen"):
        aws.run_until_idle()


def test_each_invocation_has_an_id_and_a_context_of_its_own(aws):
    seen = []

    def handler(_event, context):
        seen.append(context.aws_request_id)
        assert context.function_name == "fulfil_order"
        assert context.invoked_function_arn.endswith(":function:fulfil_order")

    queue = aws.queue("q")
    fill(queue, 3)
    aws.map(queue, aws.function(handler, name="fulfil_order"), batch_size=1)
    aws.run_until_idle()

    assert len(set(seen)) == 3
    assert seen == [each.request_id for each in aws.invocations]


def test_an_environment_keeps_its_state_and_runs_one_invocation_at_a_time(aws):
    def start(_environment):
        runs = []

        def handler(_event, _context):
            runs.append(1)
            aws.clock.advance(SECOND)
            return len(runs)

        return handler

    queue = aws.queue("q")
    fill(queue, 4)
    function = aws.function(start=start)
    aws.map(queue, function, batch_size=1, maximum_concurrency=2)
    aws.run_until_idle()

    assert function.cold_starts == 2
    assert sorted(each.answer for each in function.invocations) == [1, 1, 2, 2]


@pytest.mark.parametrize(("how", "starts"), [(Killed(), 2), (RuntimeError("no"), 1)])
def test_an_environment_dies_with_its_process_and_outlives_an_exception(aws, how, starts):
    def start(_environment):
        def handler(event, _context):
            if event["Records"][0]["attributes"]["ApproximateReceiveCount"] == "1":
                raise how

        return handler

    queue = aws.queue("q")
    fill(queue, 1)
    function = aws.function(start=start)
    aws.map(queue, function)
    aws.run_until_idle()

    assert function.cold_starts == starts


def test_a_timeout_takes_the_environment_with_it(aws):
    def start(_environment):
        return lambda *_: aws.clock.advance((function.cold_starts == 1) * timedelta(minutes=1))

    queue = aws.queue("q")
    fill(queue, 1)
    function = aws.function(start=start)
    aws.map(queue, function)
    aws.run_until_idle()

    assert function.cold_starts == 2


def test_a_throttled_batch_was_received_and_did_not_run(aws):
    queue = aws.queue("q", max_receive_count=3)
    fill(queue, 1)
    function = aws.function(lambda *_: None, reserved_concurrency=0)
    aws.map(queue, function)

    aws.run_for(31 * SECOND)

    assert (function.throttles, function.invocations) == (2, [])
    assert [message.receive_count for message in queue.messages] == [2]


def test_with_a_small_receive_limit_throttled_messages_die_without_having_run(aws):
    queue = aws.queue("q", max_receive_count=2)
    fill(queue, 40)
    function = aws.function(
        lambda *_: aws.clock.advance(20 * SECOND), timeout=25 * SECOND, reserved_concurrency=1
    )
    aws.map(queue, function)
    aws.run_until_idle()

    ran = {body for invocation in aws.invocations for body in invocation.bodies}
    assert len(ran) == len(queue.dead_letters) == 20
    assert ran.isdisjoint(message.body for message in queue.dead_letters)


def test_a_maximum_concurrency_makes_the_mapping_wait_instead(aws):
    queue = aws.queue("q", max_receive_count=2)
    fill(queue, 40)
    function = aws.function(
        lambda *_: aws.clock.advance(20 * SECOND), timeout=25 * SECOND, reserved_concurrency=2
    )
    aws.map(queue, function, maximum_concurrency=2)

    assert aws.run_until_idle() == 40 * SECOND
    assert (function.throttles, queue.dead_letters) == (0, [])


def test_a_throttle_can_be_lifted(aws):
    queue = aws.queue("q")
    fill(queue, 1)
    function = aws.function(lambda *_: None, reserved_concurrency=0)
    aws.map(queue, function)
    aws.run_for(SECOND)

    function.reserved_concurrency = None

    aws.run_until_idle()
    assert queue.messages == []


def test_a_function_that_a_handler_invokes_starts_when_the_handler_lets_time_pass(aws):
    order = []
    other = aws.function(lambda event, _: order.append(event["name"]), name="other")

    def handler(_event, _context):
        other.invoke({"name": "invoked"})
        order.append("still here")
        aws.clock.advance(SECOND)
        order.append("back")

    queue = aws.queue("q")
    fill(queue, 1)
    aws.map(queue, handler)
    aws.run_until_idle()

    assert order == ["still here", "invoked", "back"]


@pytest.mark.parametrize("timeout", [timedelta(0), timedelta(minutes=16)])
def test_a_timeout_outside_lambdas_is_refused(aws, timeout):
    with pytest.raises(ValueError, match="timeout"):
        aws.function(lambda *_: None, timeout=timeout)


def test_a_function_has_a_handler_or_a_way_to_make_one(aws):
    with pytest.raises(ValueError, match="either"):
        aws.function()
    with pytest.raises(ValueError, match="either"):
        aws.function(print, start=lambda _: print)


def test_a_mapping_that_is_turned_off_takes_nothing_until_it_is_turned_on(aws):
    taken = []
    queue = aws.queue("orders")
    mapping = aws.map(queue, lambda event, _: taken.extend(each["body"] for each in event["Records"]))
    mapping.turn(on=False)

    queue.send("kettle")
    aws.run_for(timedelta(hours=1))
    assert taken == []
    mapping.turn(on=True)
    aws.run_until_idle()

    assert taken == ["kettle"]


def test_a_batch_that_was_received_before_its_mapping_is_turned_off_is_finished(aws):
    taken = []
    queue = aws.queue("orders")
    mapping = aws.map(
        queue,
        lambda event, _: taken.extend(each["body"] for each in event["Records"]),
        batch_window=timedelta(seconds=10),
    )
    queue.send("kettle")
    aws.run_for(timedelta(seconds=1))

    mapping.turn(on=False)
    aws.run_until_idle()

    assert (taken, queue.messages) == (["kettle"], [])
