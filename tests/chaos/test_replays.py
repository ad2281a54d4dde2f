"""Replays: whoever dies in the middle of one, nothing is lost, runs twice or stays hidden."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headworks.ledger.ledger import State
from headworks.operations.replays import Standing
from headworks.testing import Quirks
from tests.chaos.points import LETHAL, Point
from tests.chaos.scripts import REPLAYED
from tests.chaos.world import World, declaration
from tests.support.declarations import SECOND

CUSTOMERS = ("ada", "bob", "eve")
# Of dead letters; the rest is done, or dies after the replay was asked for.
DEAD, DONE, LATER = 7, 3, 3
SENT_NOWHERE = Point.REPLAY_AFTER_GIVING_BACK
POINTS = sorted(REPLAYED)


def a_world(*, fifo, seed=0):
    return World(declaration(fifo=fifo), seed=seed, quirks=Quirks() if fifo else Quirks(duplicate=0.05))


def fail(world, number, script=("reject",)):
    """Messages that die now."""
    return world.send(*[script] * number, ordering_keys=lanes(world, number))


def lanes(world, number):
    return world.random.choices(CUSTOMERS, k=number) if world.declaration.fifo else ()


def states(world, keys):
    return {str(world.books.standings[key].state) for key in keys}


@pytest.mark.parametrize("fifo", [False, True])
def test_a_replay_runs_each_dead_letter_once_and_nothing_else(fifo):
    with a_world(fifo=fifo) as world:
        dead = fail(world, 30)
        done = fail(world, 5, ("done",))
        world.run()
        world.is_fixed = True
        world.replay()
        verdicts = world.close()

        assert verdicts.faults == {}
        assert states(world, dead + done) == {"completed"}
        assert {each.replays for key, each in world.books.standings.items() if key in dead} == {1}
        assert world.replay_store.read("rpl_1").told.sent == 30


@pytest.mark.parametrize("way", LETHAL)
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("fifo", [False, True])
def test_who_dies_in_a_replay_leaves_nothing_lost_twice_or_hidden(fifo, point, way, rounds, report):
    for seed in range(rounds):
        with a_world(fifo=fifo, seed=seed) as world:
            dead = fail(world, DEAD)
            fail(world, DONE, ("done",))
            world.run()
            world.is_fixed = True
            world.fate.plan(point, way)
            world.sqs_is_down = point is SENT_NOWHERE
            world.replay(times=2)
            world.sqs_is_down = False
            verdicts = world.close()

            assert world.fate.struck == {(point, way): 1}
            assert verdicts.faults == {}
            assert states(world, dead) == {"completed"}
            assert sum(job.told.sent for job in world.replay_store.jobs.values()) == DEAD
            assert {job.told.standing for job in world.replay_store.jobs.values()} == {Standing.FINISHED}
        report(kills_of_replays=sum(world.fate.struck.values()), dead_letters_replayed=DEAD)


@pytest.mark.parametrize("fifo", [False, True])
def test_two_replays_of_one_filter_while_consumers_run_and_new_failures_come(fifo, seeds, report):
    for seed in range(seeds):
        with a_world(fifo=fifo, seed=seed) as world:
            draw = world.random
            dead = fail(world, DEAD)
            world.run()
            for _ in range(3):
                world.fate.plan(draw.choice(POINTS), draw.choice(LETHAL), passes=draw.choice((0, 1, 3)))
                world.replay(times=2)
                later = fail(world, LATER, draw.choice((("reject",), ("fail",), ("kill", "done"))))
                if draw.random() < 0.5:
                    world.send_late_copy(draw.choice(dead))
                if draw.random() < 0.3:
                    world.give_up(copy_of=draw.choice(dead + later))
                world.aws.run_for(timedelta(seconds=draw.randint(1, 100)))
            world.heal()
            world.is_fixed = True
            world.replay()
            verdicts = world.close()

            assert verdicts.faults == {}
            assert states(world, dead) == {"completed"}
            report(replays=len(world.replay_store.jobs), kills_of_replays=sum(world.fate.struck.values()))


def test_a_replay_within_five_minutes_of_the_first_sending_arrives_on_a_fifo_queue():
    with a_world(fifo=True) as world:
        [key] = world.send(("reject",), ordering_keys=["ada"])
        world.aws.run_for(10 * SECOND)
        world.is_fixed = True
        world.replay()
        world.aws.run_for(20 * SECOND)

        assert world.now < timedelta(minutes=1)
        assert world.close().faults == {}
        assert states(world, [key]) == {"completed"}


def test_a_second_replay_within_five_minutes_of_the_first_arrives_too():
    with a_world(fifo=True) as world:
        [key] = world.send(("reject",), ordering_keys=["ada"])
        world.aws.run_for(10 * SECOND)
        world.replay()
        world.aws.run_for(20 * SECOND)
        world.is_fixed = True
        world.replay()

        assert world.close().faults == {}
        assert states(world, [key]) == {"completed"}
        assert world.books.standings[key].replays == 2


def test_on_a_fifo_queue_the_first_dead_runs_first():
    with a_world(fifo=True) as world:
        keys = world.send(*[("reject",)] * 8, ordering_keys=["ada"] * 8)
        world.run()
        world.is_fixed = True
        world.replay()
        world.close()

        assert [each.key for each in world.books.effects] == keys


@pytest.mark.parametrize("fifo", [False, True])
def test_a_twin_that_was_in_time_closes_the_dead_letter_without_a_second_run(fifo):
    with a_world(fifo=fifo) as world:
        [key] = fail(world, 1)
        world.run()
        world.is_fixed = True
        world.replay()
        world.heal()
        world.replay(key)
        verdicts = world.close()

        assert verdicts.faults == {}
        assert [each.key for each in world.books.effects] == [key]
        assert world.replay_store.read("rpl_2").told.skipped.completed == 1


def test_what_is_given_a_copy_of_while_it_is_put_back_runs_once():
    with a_world(fifo=False) as world:
        keys = fail(world, DEAD)
        world.run()
        world.is_fixed = True
        for key in keys:
            world.send_late_copy(key)
        world.replay(times=2)
        for key in keys:
            world.send_late_copy(key)
        verdicts = world.close()

        assert verdicts.faults == {}
        assert sorted(each.key for each in world.books.effects) == sorted(keys)


def test_no_item_is_left_being_put_back_when_its_replay_was_stopped():
    with a_world(fifo=False) as world:
        keys = fail(world, DEAD)
        world.run()
        world.fate.plan(Point.REPLAY_AFTER_CLAIM, LETHAL[0])
        world.replay()
        world.replay_store.end("rpl_1", Standing.STOPPED, because="enough", at=world.aws.clock.now())
        verdicts = world.close()

        assert verdicts.faults == {}
        assert {world.ledger.items[key].state for key in keys} == {State.REPLAYING}
        assert states(world, keys) == {"dead"}
