"""A consumer that is started by a schedule drains its queue's stream."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from headworks.errors import Reject
from headworks.ledger.ledger import State
from tests.support.declarations import SECOND
from tests.support.redis_drain import Drained


@pytest.fixture
def make(newest_server, clock, log):
    made = []

    def make(handle, **options):
        made.append(Drained(newest_server, clock, log, handle, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_what_was_sent_over_redis_is_run_by_a_drain_and_nothing_is_left(make):
    seen = []
    drained = make(lambda message: seen.append(message.data["n"]))
    drained.send("a", "b", "c")

    assert drained.drain() == {"batchItemFailures": []}
    assert sorted(seen) == ["a", "b", "c"]
    assert drained.left() == (0, 0, 0)
    assert drained.ledger.items == {}


def test_an_equal_key_is_answered_with_the_first_ones_id_and_runs_once(make, clock):
    seen = []
    drained = make(lambda message: seen.append(message.id))

    [first] = drained.send("a")
    clock.advance(SECOND)
    [second] = drained.send("a")
    drained.drain()

    assert (first.duplicate, second.duplicate) == (False, True)
    assert second.message_id == first.message_id
    assert seen == [first.message_id]


def test_a_delay_of_a_week_is_spent_in_redis(make):
    drained = make(lambda _: None)

    [answer] = drained.send("a", delay=timedelta(days=7))

    assert not answer.duplicate
    assert drained.left() == (0, 0, 1)
    assert drained.ledger.items == {}


def test_what_is_dead_is_in_the_ledger_and_gone_from_the_stream(make):
    def refuse(message):
        raise Reject("no")

    drained = make(refuse)
    drained.send("a")

    drained.drain()

    assert [item.state for item in drained.ledger.items.values()] == [State.DEAD]
    assert drained.left() == (0, 0, 0)


def test_what_failed_waits_in_redis(make):
    def fail(message):
        raise RuntimeError("no")

    drained = make(fail)
    drained.send("a")

    drained.drain()

    assert drained.left() == (0, 0, 1)
    assert drained.counts == [{"Retry": 1}]


def test_a_handler_of_batches_gets_what_came_within_the_window(make):
    pages = []
    drained = make(
        lambda messages: pages.append(sorted(each.data["n"] for each in messages)),
        in_batches=True,
        batch_size=10,
        batch_window=SECOND,
    )
    drained.send("a", "b")
    drained.send("c")

    drained.drain()

    assert pages == [["a", "b", "c"]]


def test_a_paused_consumer_takes_nothing(make):
    drained = make(pytest.fail, paused=True)
    drained.send("a")

    drained.drain()

    assert drained.left() == (1, 0, 0)


def test_a_drain_without_time_for_another_batch_takes_nothing(make):
    drained = make(pytest.fail)
    drained.send("a")

    drained.drain(seconds=0)

    assert drained.left() == (1, 0, 0)


def test_two_drains_run_beside_each_other_and_a_message_is_one_drains_alone(make):
    # Neither gets on before both are at work.
    together = threading.Barrier(2, timeout=30)
    seen = []

    def handle(message):
        seen.append(message.data["n"])
        together.wait()

    drained = make(handle, batch_size=1, drains=2)
    drained.send("a", "b")

    with ThreadPoolExecutor(2) as both:
        for drain in [both.submit(drained.drain) for _ in range(2)]:
            drain.result()

    assert sorted(seen) == ["a", "b"]
    assert drained.left() == (0, 0, 0)
