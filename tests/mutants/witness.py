"""A pytest plug-in: the tests of a trial run on its copy of the library, and on nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import headworks
from tests.mutants.trial import COPY_VARIABLE


def pytest_sessionstart() -> None:
    """End the run where the library was found elsewhere."""
    if not Path(headworks.__file__).is_relative_to(os.environ[COPY_VARIABLE]):
        pytest.exit(f"the tests run on {headworks.__file__}", returncode=pytest.ExitCode.USAGE_ERROR)
