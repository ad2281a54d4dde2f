"""Plant each bug in a copy of the library, run the tests that must notice, and tell which did.

    python -m tests.mutants [words of a bug's name]

Ends with 1 if a bug stays unnoticed, can't be planted, or the tests fail without it.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from infra.local.workspace import PROJECT
from tests.mutants.bugs import BUGS
from tests.mutants.planting import AnchorGone, Bug
from tests.mutants.trial import Trial, try_tests

LIBRARY = PROJECT / "layers" / "headworks" / "python" / "headworks"
SIDE_BY_SIDE = 2
NO_BUG = "(none planted)"


def main(words: list[str]) -> int:
    """Try every bug whose name has all these words; answers the exit code."""
    bugs = [bug for bug in BUGS if all(word in bug.name for word in words)]
    if not bugs:
        print(f"no bug is named so: {' '.join(words)}")
        return 1
    with tempfile.TemporaryDirectory() as directory, ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        healthy = pool.submit(_try_healthy, Path(directory), bugs)
        trials = pool.map(partial(try_bug, Path(directory)), range(len(bugs)), bugs)
        missed = [
            bug for bug, trial in zip(bugs, trials, strict=True) if not _told(bug.name, trial, "caught")
        ]
        sound = _told(NO_BUG, healthy.result(), "passed")
    print(f"{len(bugs) - len(missed)} of {len(bugs)} planted bugs are caught")
    return 0 if sound and not missed else 1


def _try_healthy(directory: Path, bugs: list[Bug]) -> Trial:
    """All the tests, on a copy with nothing planted."""
    copy = _copied(directory / "healthy")
    tests = sorted({test for bug in bugs for test in bug.tests})
    return try_tests(copy, tests, emulated=any(bug.emulated for bug in bugs))


def try_bug(directory: Path, number: int, bug: Bug) -> Trial:
    """Plant a bug in a copy under a directory, and run its tests there."""
    copy = _copied(directory / str(number))
    try:
        bug.plant(copy / LIBRARY.name)
    except (AnchorGone, SyntaxError) as error:
        return Trial(verdict="not planted", detail=str(error))
    return try_tests(copy, bug.tests, emulated=bug.emulated)


def _copied(directory: Path) -> Path:
    shutil.copytree(LIBRARY, directory / LIBRARY.name, ignore=shutil.ignore_patterns("__pycache__"))
    return directory


def _told(name: str, trial: Trial, wanted: str) -> bool:
    """Print a line of the table; whether it says what is wanted."""
    print(f"{trial.verdict:11}  {trial.seconds:5.1f} s  {name}\n{'':23}{trial.detail}", flush=True)
    return trial.verdict == wanted


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
