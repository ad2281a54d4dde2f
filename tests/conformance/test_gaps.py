"""The list of gaps and its readers' copy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.gaps import GAPS, TOO_LONG, rows

GAPS_PAGE = Path(__file__).parents[1] / "emulator_gaps.md"
CASES = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))


def test_the_page_of_gaps_has_every_gap_that_the_suite_knows():
    section = GAPS_PAGE.read_text().partition("## SQS and event source mappings")[2].partition("\n## ")[0]

    listed = [line for line in section.splitlines() if line.startswith("| ")][1:]

    assert listed == rows()


@pytest.mark.parametrize("case", sorted({case for gap in GAPS for case in gap.cases} | TOO_LONG.keys()))
def test_every_case_that_a_gap_names_is_there(case):
    assert f"def {case.partition('[')[0]}(" in CASES
