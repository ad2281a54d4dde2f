"""Whatever happens, in whatever order: nothing is lost, and no effect happens twice outside the named gap."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from headworks.testing import Quirks
from tests.chaos.points import ANSWERS, LETHAL, Point, Way
from tests.chaos.scripts import ELSEWHERE, LEADS_TO, REPLAYED
from tests.chaos.world import OUTAGES, World, declaration
from tests.support.declarations import SECOND

STEPS = 20
WORDS = ("done", "take a second", "fail", "ask for two minutes", "reject", "trouble", "kill", "hang")
CUSTOMERS = ("ada", "bob")

scripts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4)
messages = st.lists(st.tuples(scripts, st.sampled_from(CUSTOMERS)), min_size=1, max_size=5)
consuming = st.sampled_from([point for point in Point if point not in ELSEWHERE])
elsewhere = st.sampled_from(sorted(ELSEWHERE - REPLAYED))
answers = st.sampled_from(ANSWERS)
ways = st.sampled_from(LETHAL)
passes = st.sampled_from((0, 0, 0, 1, 2))
waits = st.sampled_from((1, 5, 30, 90, 300, 1200)).map(lambda seconds: seconds * SECOND)


class Pipeline(RuleBasedStateMachine):
    """A standard queue."""

    fifo = False
    in_batches = False
    did: ClassVar[Counter[str]] = Counter()

    @initialize(
        seed=st.integers(0, 2**16),
        concurrency=st.sampled_from((1, 10)),
        # Each delivery may leave a copy, and copies leave copies: a little is a lot.
        duplicate=st.sampled_from((0, 0.05)),
    )
    def begin(self, seed, concurrency, duplicate):
        quirks = Quirks() if self.fifo else Quirks(duplicate=duplicate, shuffle=True)
        # A whole batch is one run.
        timeout = (20 if self.in_batches else 20 // concurrency) * SECOND
        queue = declaration(fifo=self.fifo, concurrency=concurrency, timeout=timeout)
        self.world = World(queue, seed=seed, in_batches=self.in_batches, quirks=quirks)
        self.world.__enter__()

    @property
    def keys(self):
        return list(self.world.sent)

    def lanes(self, some):
        return [lane for _, lane in some] if self.fifo else ()

    @rule(some=messages)
    def send(self, some):
        self.world.send(*(script for script, _ in some), ordering_keys=self.lanes(some))

    @rule(some=messages, delay=st.sampled_from((timedelta(minutes=1), timedelta(minutes=20))))
    def send_delayed(self, some, delay):
        self.world.send(*(script for script, _ in some), ordering_keys=self.lanes(some), delay=delay)

    @precondition(lambda self: self.keys)
    @rule(data=st.data())
    def send_again(self, data):
        self.world.send_again(data.draw(st.sampled_from(self.keys)))

    @precondition(lambda self: self.keys)
    @rule(data=st.data())
    def send_late_copy(self, data):
        self.world.send_late_copy(data.draw(st.sampled_from(self.keys)))

    @precondition(lambda self: self.keys)
    @rule(data=st.data())
    def give_a_copy_up(self, data):
        self.world.give_up(copy_of=data.draw(st.sampled_from(self.keys)))

    @rule(some=messages, point=consuming, way=ways, passes=passes, wait=waits)
    def die_consuming(self, some, point, way, passes, wait):
        self.world.fate.plan(point, way, passes=passes)
        self.send([*some, (LEADS_TO.get(point, ("done",)), CUSTOMERS[0])])
        self.world.aws.run_for(wait)

    @rule(some=messages, point=elsewhere, way=ways, wait=waits)
    def die_elsewhere(self, some, point, way, wait):
        self.world.fate.plan(point, way)
        self.send(some)
        self.world.aws.run_for(wait)

    @rule(some=messages, point=answers, passes=passes, wait=waits)
    def lose_an_answer(self, some, point, passes, wait):
        self.world.fate.plan(point, Way.ANSWER_LOST, passes=passes)
        self.send([*some, (LEADS_TO.get(point, ("done",)), CUSTOMERS[0])])
        self.world.aws.run_for(wait)

    @rule(what=st.sampled_from(OUTAGES), wait=waits)
    def be_without(self, what, wait):
        with self.world.without(what):
            self.world.aws.run_for(wait)

    @rule(wait=waits)
    def time_passes(self, wait):
        self.world.aws.run_for(wait)

    @invariant()
    def the_books_balance_but_for_what_moves(self):
        faults = self.world.look().faults
        faults.pop("stuck", None)
        assert faults == {}

    def teardown(self):
        if not hasattr(self, "world"):
            return
        try:
            verdicts = self.world.close()
        finally:
            self.world.__exit__(None, None, None)
        self.did["seeds"] += 1
        self.did["kills"] += sum(self.world.fate.struck.values())
        self.did["messages_accepted"] += len(self.world.books.accepted)
        self.did["effects"] += len(self.world.books.effects)
        self.did["effects_again_after_a_death_in_the_named_gap"] += sum(verdicts.repeated.values())
        assert verdicts.faults == {}


class OrderedPipeline(Pipeline):
    """A FIFO queue."""

    fifo = True


class PipelineOfBatches(Pipeline):
    """A standard queue whose handler takes a batch at once."""

    in_batches = True


@pytest.mark.parametrize("machine", [Pipeline, OrderedPipeline, PipelineOfBatches])
def test_whatever_happens_the_books_balance(machine, seeds, report):
    machine.did = Counter()
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=seeds,
            stateful_step_count=STEPS,
            derandomize=True,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )

    assert machine.did["effects"] > machine.did["seeds"]
    report(**machine.did)
