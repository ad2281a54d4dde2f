"""A pytest plug-in: the tests of a trial run on its copy of the library and on nothing else, and tell which failed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import headworks
from tests.mutants.trial import COPY_VARIABLE, FAILED


def pytest_sessionstart() -> None:
    """End the run where the library was found elsewhere."""
    if not Path(headworks.__file__).is_relative_to(os.environ[COPY_VARIABLE]):
        pytest.exit(f"the tests run on {headworks.__file__}", returncode=pytest.ExitCode.USAGE_ERROR)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Write down a test that failed.  An error on the way to one says nothing of the bug."""
    if report.when == "call" and report.failed:
        Path(os.environ[COPY_VARIABLE], FAILED).write_text(report.nodeid.rpartition("::")[2])
