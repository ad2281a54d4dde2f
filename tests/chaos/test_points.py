"""A process that dies at any named point loses nothing, and repeats an effect only in the named gap."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.chaos.points import ANSWERS, IN_THE_GAP, LETHAL, NOT_ON_FIFO, Point, Way
from tests.chaos.scripts import CROWDED, GIVEN_UP, HELD, LEADS_TO, REPLAYED, SCRIPTS
from tests.chaos.world import World, declaration
from tests.support.declarations import SECOND

# A longer delay than a queue keeps: the message waits in the ledger.
BEYOND_SQS = timedelta(minutes=16)
# Kills in a world, before the next one with a seed of its own.
WORLD = 10
CUSTOMERS = ("ada", "bob", "eve")
KINDS = {
    "standard": {"queue": declaration()},
    "fifo": {"queue": declaration(fifo=True)},
    # One run is for all of a batch, and has the time for it.
    "at-once": {"queue": declaration(timeout=20 * SECOND), "in_batches": True},
}
ON_EACH = [
    pytest.param(kind, point, id=f"{kind}-{point}")
    for kind in KINDS
    for point in Point
    if not (kind == "fifo" and point in NOT_ON_FIFO) and point not in REPLAYED
]


def play(world, point, way):
    """A round: messages of all kinds, one that leads to the point among them, and a death there."""
    draw = world.random
    scripts = draw.choices(SCRIPTS, k=draw.randint(1, 4))
    scripts.insert(draw.randint(0, len(scripts)), LEADS_TO.get(point, ("done",)))
    if point in CROWDED:
        scripts += [("done",)] * 5
    lanes = draw.choices(CUSTOMERS, k=len(scripts)) if world.declaration.fifo else ()
    world.fate.plan(point, way, passes=draw.choice((0, 0, 1)))
    world.send(*scripts, ordering_keys=lanes)
    if point in HELD:
        world.send(("done",), ordering_keys=lanes[:1], delay=BEYOND_SQS)
    if point in GIVEN_UP:
        world.give_up()
        world.give_up(copy_of=draw.choice(list(world.sent)))
    if draw.random() < 0.3:
        world.aws.run_for(timedelta(seconds=draw.randint(0, 50)))
        world.send(("done",), ordering_keys=lanes[:1])
    world.run()
    world.fate.forget()


def kill_often(world, point, way, times):
    """Die in a way at a point, so many times."""
    for _ in range(20 + 4 * times):
        if world.fate.struck.get((point, way), 0) == times:
            break
        play(world, point, way)
    assert world.fate.struck[point, way] == times


@pytest.mark.parametrize(("kind", "point"), ON_EACH)
def test_who_dies_at_a_point_loses_nothing_and_repeats_only_in_the_gap(kind, point, rounds, report):
    for seed, done in enumerate(range(0, rounds, WORLD)):
        with World(**KINDS[kind], seed=seed) as world:
            for way in (*LETHAL, Way.ANSWER_LOST) if point in ANSWERS else LETHAL:
                kill_often(world, point, way, min(WORLD, rounds - done))
            verdicts = world.close()

        assert verdicts.faults == {}
        report(
            kills=sum(number for (_, way), number in world.fate.struck.items() if way in LETHAL),
            lost_answers=world.fate.struck.get((point, Way.ANSWER_LOST), 0),
            messages_accepted=len(world.books.accepted),
            effects=len(world.books.effects),
            effects_again_after_a_death_in_the_named_gap=sum(verdicts.repeated.values()),
            faults=len(verdicts.faults),
        )


# A single message is in no group of completions that could be half written, and has no neighbours.
ALONE = [
    point
    for point in Point
    if not point.name.endswith("HALF_WRITTEN") and point not in HELD | GIVEN_UP | REPLAYED
]


@pytest.mark.parametrize("way", LETHAL)
@pytest.mark.parametrize("point", ALONE)
def test_only_a_death_between_effect_and_record_repeats_an_effect(point, way):
    with World(declaration()) as world:
        world.fate.plan(point, way)
        world.send(LEADS_TO.get(point, ("done",)))
        world.run()
        verdicts = world.close()

    assert world.fate.struck == {(point, way): 1}
    assert verdicts.faults == {}
    assert bool(verdicts.repeated) == (point in IN_THE_GAP)
