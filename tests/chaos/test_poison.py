"""A message that kills its process takes nobody with it."""

from __future__ import annotations

import pytest

from headworks.outcome import Reason
from headworks.testing import Ending
from tests.chaos.world import World, declaration
from tests.support.declarations import SECOND

NINE = [("done",)] * 9


def books_of(world):
    """The poison's standing, and everybody else's, after the books were closed without a fault."""
    verdicts = world.close()
    assert verdicts.faults == {}
    assert verdicts.repeated == {}
    poison = next(key for key, each in world.sent.items() if "kill" in each.data["script"][0])
    others = {key: each for key, each in world.books.standings.items() if key != poison}
    return world.books.standings[poison], others


def runs_of(world, word):
    killers = {key for key, each in world.sent.items() if word in each.data["script"][0]}
    return sum(each.key in killers for each in world.books.runs)


@pytest.mark.parametrize("place", [0, 4, 9])
@pytest.mark.parametrize("max_crashes", [0, 1, 3])
def test_of_a_batch_of_ten_nine_run_once_and_the_poison_is_dead_after_the_declared_crashes(
    place, max_crashes
):
    batch = [*NINE[:place], ("kill when the others are done",), *NINE[place:]]
    with World(declaration(max_crashes=max_crashes)) as world:
        world.send(*batch)
        poison, others = books_of(world)

    assert (poison.reason, poison.attempt) == (Reason.CRASHED, max_crashes + 1)
    assert runs_of(world, "kill") == max_crashes + 1
    assert {(each.attempt, each.crashes) for each in others.values()} == {(1, 0)}
    assert len(world.books.effects) == 9


def test_neighbours_that_were_leased_and_never_ran_run_once_after_the_poison_is_dead():
    with World(declaration(concurrency=1)) as world:
        world.send(("kill",), *NINE)
        poison, others = books_of(world)

    assert (poison.reason, poison.attempt) == (Reason.CRASHED, 4)
    assert len(world.books.effects) == len(others) == 9


def test_whoever_is_new_in_its_batch_is_settled_before_the_poison_runs():
    queue = declaration()
    with World(queue) as world:
        world.send(("kill",))
        world.aws.run_for(SECOND)
        for _ in range(queue.max_crashes):
            world.send(*NINE, delay=queue.visibility_timeout - SECOND)
            world.aws.run_for(queue.visibility_timeout)
        shared = [each for each in world.mapping.function.invocations if len(each.records) == 10]
        poison, others = books_of(world)

    assert [each.ending for each in shared] == [Ending.DIED] * queue.max_crashes
    assert (poison.reason, poison.attempt) == (Reason.CRASHED, queue.max_crashes + 1)
    assert {(each.attempt, each.crashes) for each in others.values()} == {(1, 0)}
