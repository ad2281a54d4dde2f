"""Bugs are planted where they are meant to be, and one that nobody notices is told."""

from __future__ import annotations

import shutil

import pytest

from tests.mutants.__main__ import LIBRARY, try_bug
from tests.mutants.bugs import BUGS
from tests.mutants.planting import AnchorGone, Bug, Swap

SOURCE = """
def first():
    return call(
        one,
        two,
    )


def second():
    return call(one, two)
"""


def test_a_piece_is_found_in_its_function_whatever_its_line_breaks():
    planted = Swap("m.py", "first", "call(one, two)", "other()").planted_in(SOURCE)

    assert planted == SOURCE.replace("call(\n        one,\n        two,\n    )", "other()")


@pytest.mark.parametrize(
    ("within", "old"), [("third", "call"), ("first", "call(two)"), ("", "call(one, two)")]
)
def test_a_piece_that_is_gone_or_there_twice_is_an_error(within, old):
    with pytest.raises(AnchorGone):
        Swap("m.py", within, old, "other()").planted_in(SOURCE)


def test_a_bug_that_is_no_python_is_an_error():
    with pytest.raises(SyntaxError):
        Swap("m.py", "second", "call(one, two)", "call(").planted_in(SOURCE)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_every_bug_can_be_planted(bug, tmp_path):
    shutil.copytree(LIBRARY, tmp_path / "headworks", ignore=shutil.ignore_patterns("__pycache__"))

    bug.plant(tmp_path / "headworks")


def test_bugs_have_names_of_their_own():
    assert len({bug.name for bug in BUGS}) == len(BUGS)


HARMLESS = Swap("outcome.py", "Reason", '"exhausted"', '("exhausted")')


@pytest.mark.parametrize(
    ("test", "swap", "verdict"),
    [
        ("tests/unit/test_outcome.py", HARMLESS, "passed"),
        ("tests/unit/test_outcome.py", Swap("outcome.py", "judge", "return Done()", "return None"), "caught"),
        ("tests/unit/test_outcome.py", Swap("outcome.py", "judge", "never there", ""), "not planted"),
        ("tests/unit/test_outcome.py", Swap("outcome.py", "", "import errors", "import mistakes"), "broken"),
        ("tests/unit/no_such_test.py", HARMLESS, "broken"),
    ],
)
def test_only_a_failing_test_has_caught_a_bug(tmp_path, test, swap, verdict):
    assert try_bug(tmp_path, 0, Bug("a bug", (test,), (swap,))).verdict == verdict


def test_a_trial_runs_on_its_copy_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.mutants.__main__.LIBRARY", tmp_path / "headworks")
    (tmp_path / "headworks").mkdir()
    (tmp_path / "headworks" / "outcome.py").write_text("A = 1")

    trial = try_bug(
        tmp_path, 0, Bug("a bug", ("tests/unit/test_outcome.py",), (Swap("outcome.py", "", "1", "2"),))
    )

    assert trial.verdict == "broken"
