"""Every case runs on the simulator; the ministack half is marked e2e, since it takes real time."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from botocore.exceptions import ClientError

from tests.conformance.gaps import TOO_LONG, gap_of
from tests.conformance.stage import EmulatorStage, SimulatorStage

# How a case fails for what it is about, and not for want of an emulator.
OTHERWISE = (AssertionError, ClientError, pytest.fail.Exception)
WORLDS = ["simulator", pytest.param("ministack", marks=pytest.mark.e2e)]


@contextmanager
def open_stage(request):
    """The stage of a fixture whose parameters are the worlds."""
    simulated = request.param == "simulator"
    stage = SimulatorStage() if simulated else EmulatorStage(request.getfixturevalue("emulator_clients"))
    try:
        yield stage
    finally:
        stage.close()


@pytest.fixture(params=WORLDS)
def sqs(request):
    """Where the case plays."""
    with open_stage(request) as stage:
        yield stage


def pytest_collection_modifyitems(items):
    for item in items:
        if "[ministack" not in item.name:
            continue
        if item.originalname in TOO_LONG:
            why = f"in real time it takes {TOO_LONG[item.originalname]}"
            item.add_marker(pytest.mark.skip(reason=why))
        elif gap := gap_of(item.originalname, case_of(item)):
            # Strict: when the emulator has become like AWS, this says so.
            item.add_marker(pytest.mark.xfail(reason=gap.emulator, strict=True, raises=OTHERWISE))


def case_of(item):
    """A case's name and parameters, without its world."""
    return item.name.replace("[ministack-", "[").replace("[ministack]", "")
