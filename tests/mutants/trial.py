"""Tests run in a process of their own, on some copy of the library."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.local.workspace import PROJECT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

COPY_VARIABLE = "HEADWORKS_COPY"
# Beside the copy: the test that failed.
FAILED = "failed.txt"
LONGEST_SECONDS = 300
# Hypothesis' plug-in takes a third of a short run to start, and adds nothing to a verdict.
PLUGINS = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest", "-p", "tests.mutants.witness")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What the tests said: `caught` (and by which), `passed`, or why they said nothing."""

    verdict: str
    detail: str = ""
    seconds: float = 0


def try_tests(copy: Path, tests: Sequence[str], *, emulated: bool) -> Trial:
    """Run test files on the copy of the library in this directory, up to the first failure."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", *PLUGINS]
    marked = [] if emulated else ["-m", "not e2e"]
    started = time.monotonic()
    try:
        run = subprocess.run(
            [*command, *marked, *tests],
            cwd=PROJECT,
            env={**os.environ, "PYTHONPATH": str(copy), COPY_VARIABLE: str(copy)},
            capture_output=True,
            text=True,
            timeout=LONGEST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Trial(verdict="hung", detail=f"no end after {LONGEST_SECONDS} s", seconds=LONGEST_SECONDS)
    seconds = time.monotonic() - started
    if run.returncode == 0:
        return Trial(verdict="passed", detail="every test", seconds=seconds)
    failed = copy / FAILED
    if run.returncode == 1 and failed.exists():
        return Trial(verdict="caught", detail=failed.read_text(), seconds=seconds)
    return Trial(verdict="broken", detail=_last_line(run.stdout + run.stderr), seconds=seconds)


def _last_line(output: str) -> str:
    return next((line for line in reversed(output.splitlines()) if line.strip()), "no output")
