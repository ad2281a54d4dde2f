"""A customer whose every message fails: each has its attempts, in order, and nobody else waits for them."""

from __future__ import annotations

from itertools import pairwise

from headworks.outcome import Reason
from headworks.retry import RetryPolicy
from tests.chaos.world import World, declaration
from tests.support.declarations import SECOND

ATTEMPTS = 5
ORDERS = declaration(
    fifo=True,
    retry=RetryPolicy(delays=(SECOND, 10 * SECOND, 60 * SECOND, 300 * SECOND, 900 * SECOND), attempts=5),
)
ALWAYS = ("fail",)


def test_a_full_batch_that_always_fails_has_exactly_its_attempts_in_order_and_none_is_buried_unrun():
    with World(ORDERS) as world:
        keys = world.send(*[ALWAYS] * 10, ordering_keys=["eve"] * 10)
        verdicts = world.close()

    assert verdicts.faults == {}
    assert [(each.key, each.attempt) for each in world.books.runs] == [
        (key, attempt) for key in keys for attempt in range(1, ATTEMPTS + 1)
    ]
    for key in keys:
        item = world.ledger.items[key]
        assert world.books.standings[key].reason is Reason.EXHAUSTED
        assert [each.attempt for each in item.history] == [1, 2, 3, 4, 5]


def test_a_retry_after_a_second_comes_after_one_to_three_and_the_next_of_its_customer_right_after_the_last():
    with World(ORDERS) as world:
        keys = world.send(*[ALWAYS] * 10, ordering_keys=["eve"] * 10)
        world.close()

    for key in keys:
        assert SECOND <= world.run_at[key, 2] - world.run_at[key, 1] <= 3 * SECOND
        assert 10 * SECOND <= world.run_at[key, 3] - world.run_at[key, 2] <= 13 * SECOND
    for key, following in pairwise(keys):
        assert world.run_at[following, 1] - world.run_at[key, ATTEMPTS] <= 3 * SECOND


def test_the_rest_of_a_customer_follows_a_retry_at_once():
    with World(ORDERS) as world:
        keys = world.send(("fail", "done"), *[("done",)] * 9, ordering_keys=["eve"] * 10)
        verdicts = world.close()

    assert verdicts.faults == {}
    assert all(world.run_at[key, 1] <= 3 * SECOND for key in keys)


def test_a_failing_customer_holds_back_no_other():
    with World(ORDERS) as world:
        world.send(*[ALWAYS] * 8, ("done",), ("done",), ordering_keys=["eve"] * 8 + ["ada", "bob"])
        for _ in range(30):
            sent_at = world.now
            [key] = world.send(("done",), ordering_keys=["ada"])
            world.aws.run_for(61 * SECOND)
            assert world.run_at[key, 1] - sent_at <= SECOND
        verdicts = world.close()

    assert verdicts.faults == {}
