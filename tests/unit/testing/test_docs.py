"""The examples of docs/testing.md run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "testing.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)


def examples_in(block):
    """The test functions that an example defines."""
    names = {"__name__": "example"}
    exec(compile(block, str(PAGE), "exec"), names)  # noqa: S102 - our own page
    return {name: value for name, value in names.items() if name.startswith("test_")}


EXAMPLES = [pytest.param(test, id=name) for block in BLOCKS for name, test in examples_in(block).items()]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_of_the_page_passes(example):
    example()


def test_every_block_of_the_page_is_an_example():
    assert all(examples_in(block) for block in BLOCKS)
