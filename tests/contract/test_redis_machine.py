"""A queue on Redis does what its model says, whatever processes do to it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.support.redis_bugs import BUGS
from tests.support.redis_machine import OrderedQueueMachine, QueueMachine

SEEDS = 60
STEPS = 40
MOST_SEEDS = 600


def run_machine(kind, seeds=SEEDS, steps=STEPS, **planted):
    """Run seeds that are always the same ones; the first that objects raises."""
    machine = type(kind.__name__, (kind,), planted)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=seeds,
            stateful_step_count=steps,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("kind", [QueueMachine, OrderedQueueMachine])
def test_a_queue_does_what_its_model_says(kind, newest_server):
    run_machine(kind, server=newest_server)


def pytest_generate_tests(metafunc):
    """Plant the bugs that show at once, or all that there are."""
    if "bug" in metafunc.fixturenames:
        everything = metafunc.config.getoption("--all-bugs", default=False)
        bugs = [bug for bug in BUGS if everything or not bug.shows_late]
        metafunc.parametrize("bug", bugs, ids=lambda bug: bug.name)


def test_the_machine_notices(bug, newest_server, monkeypatch):
    bug.plant(monkeypatch)
    kind = OrderedQueueMachine if bug.fifo else QueueMachine

    with pytest.raises(Exception) as noticed:  # noqa: PT011 - the model's objection, or the server's
        run_machine(
            kind,
            seeds=MOST_SEEDS,
            server=newest_server,
            scripts=staticmethod(bug.scripts),
            keys=bug.keys,
        )

    assert "the scripts say nowhere" not in str(noticed.value)
