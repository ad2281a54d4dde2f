"""Waits and outages: attempts are exact, long waits are out of the queue, and our own trouble costs nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headworks.ledger.ledger import State
from headworks.outcome import Reason
from headworks.retry import RetryPolicy
from tests.chaos.world import World, declaration
from tests.support.declarations import SECOND

MINUTE = 60 * SECOND


@pytest.mark.parametrize("attempts", [1, 2, 5, 8])
def test_what_always_fails_is_dead_after_exactly_its_attempts_and_each_is_in_its_history(attempts):
    delays = (SECOND, 30 * SECOND, 5 * MINUTE, 30 * MINUTE, MINUTE, 2 * MINUTE, SECOND)
    with World(declaration(retry=RetryPolicy(delays=delays, attempts=attempts))) as world:
        [key] = world.send(("fail",))
        verdicts = world.close()

    assert verdicts.faults == {}
    assert world.books.standings[key].reason is Reason.EXHAUSTED
    history = world.ledger.items[key].history
    assert [each.attempt for each in history] == list(range(1, attempts + 1))
    assert {each.error for each in history} == {"the handler failed"}
    assert len(world.books.runs) == attempts


def test_a_retry_in_half_an_hour_is_not_in_flight_meanwhile_and_comes_on_time():
    with World(declaration(retry=RetryPolicy(delays=(30 * MINUTE,), jitter=0))) as world:
        [key] = world.send(("fail", "done"))
        world.aws.run_for(SECOND)
        for _ in range(27):
            world.aws.run_for(MINUTE)
            assert (world.queue.in_flight, world.queue.available, world.queue.delayed) == (0, 0, 0)
        verdicts = world.close()

    assert verdicts.faults == {}
    assert timedelta(0) <= world.run_at[key, 2] - world.run_at[key, 1] - 30 * MINUTE <= SECOND
    assert world.books.standings[key].state is State.COMPLETED


@pytest.mark.parametrize("fifo", [False, True])
def test_a_ledger_that_is_down_for_seven_minutes_costs_no_attempt_and_no_message(fifo):
    customers = ["ada", "bob", "eve"] * 10
    with World(declaration(fifo=fifo)) as world:
        lanes = customers if fifo else ()
        world.send(*[("done",), ("fail", "done"), ("fail", "fail", "done")] * 10, ordering_keys=lanes)
        world.aws.run_for(5 * SECOND)
        ran_before = len(world.books.runs)
        with world.without("ledger"):
            for _ in range(7):
                world.send(*[("done",)] * 10, ordering_keys=lanes[:10])
                world.aws.run_for(MINUTE)
            assert len(world.books.runs) == ran_before
        verdicts = world.close()

    assert verdicts.faults == {}
    assert len(world.books.standings) == len(world.books.effects) == 100
    for standing in world.books.standings.values():
        assert (standing.state, standing.crashes) == (State.COMPLETED, 0)
        assert standing.attempt == standing.failures + 1


@pytest.mark.parametrize("fifo", [False, True])
def test_a_ledger_that_goes_down_while_handlers_run_loses_no_message_and_repeats_no_effect(fifo):
    with World(declaration(fifo=fifo)) as world:
        lanes = ["ada", "bob", "eve", "joe"] if fifo else ()
        world.send(
            ("take a second",), ("fail late", "done"), ("take a second",), ("done",), ordering_keys=lanes
        )
        world.aws.run_for(SECOND / 2)
        with world.without("ledger"):
            world.aws.run_for(7 * MINUTE)
        verdicts = world.close()

    assert verdicts.faults == {}
    assert verdicts.repeated == {}
    assert {each.key for each in world.books.effects} == set(world.sent)
    assert Reason.CRASHED not in {each.reason for each in world.books.standings.values()}
