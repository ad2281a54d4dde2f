"""How much chaos, and what came of it."""

from __future__ import annotations

from collections import Counter

import pytest

# What `make test` does; `make chaos` asks for more.
FEW_ROUNDS, FEW_SEEDS = 1, 20


def pytest_addoption(parser):
    group = parser.getgroup("chaos")
    group.addoption(
        "--rounds",
        type=int,
        default=FEW_ROUNDS,
        help="kills in each way, at each named point, on each kind of queue",
    )
    group.addoption(
        "--seeds", type=int, default=FEW_SEEDS, help="runs of the state machine for each kind of queue"
    )


@pytest.fixture
def rounds(request):
    """How often to kill in each way at each point."""
    return request.config.getoption("--rounds", default=FEW_ROUNDS)


@pytest.fixture
def plenty_of_time(rounds):
    """For what takes long."""
    if rounds == FEW_ROUNDS:
        pytest.skip("make chaos has the time for this")


@pytest.fixture
def seeds(request):
    """How many runs of the state machine."""
    return request.config.getoption("--seeds", default=FEW_SEEDS)


@pytest.fixture
def report(record_property):
    """Says what a test did, for the summary at the end: names, and how many."""
    return lambda **counts: [record_property(f"chaos {name}", number) for name, number in counts.items()]


def pytest_terminal_summary(terminalreporter):
    """Everything that was killed and sent, and how the books were closed."""
    totals: Counter[str] = Counter()
    for test in terminalreporter.stats.get("passed", []) + terminalreporter.stats.get("failed", []):
        for name, number in test.user_properties:
            if name.startswith("chaos "):
                totals[name.removeprefix("chaos ")] += number
    if totals:
        terminalreporter.section("chaos")
        for name, number in totals.items():
            terminalreporter.write_line(f"{number:>10,} {name.replace('_', ' ')}")
