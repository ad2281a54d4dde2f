"""What a batch costs, beside plain Powertools: `make bench`.

Both speak real botocore to a DynamoDB that answers after 5 ms, and both handlers do nothing:
what is measured is what the machinery itself takes.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import botocore
from rich.console import Console
from rich.table import Table

from tests.benchmarks.measuring import Figures, measure
from tests.benchmarks.stub_aws import ANSWER_AFTER_SECONDS, pointed_at, running_stub

if TYPE_CHECKING:
    from collections.abc import Sequence

BUILD = Path("build/benchmarks")
# How many times as fast a batch must be, by its size; and the share of the CPU that it may take.
GOALS = {10: 8.0, 100: 40.0}
MOST_OF_THE_CPU = 0.25


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Ours beside plain, for one size of batch."""

    plain: Figures
    ours: Figures

    @property
    def times_as_fast(self) -> float:
        return self.plain.batch_ms / self.ours.batch_ms

    @property
    def share_of_the_cpu(self) -> float:
        return self.ours.cpu_us_a_record / self.plain.cpu_us_a_record

    @property
    def is_met(self) -> bool:
        return self.times_as_fast >= GOALS[self.ours.records] and self.share_of_the_cpu <= MOST_OF_THE_CPU


def main() -> None:
    """Measure, show a table, write the figures where a program can read them; fail if a goal is missed."""
    parser = argparse.ArgumentParser(prog="consumer_cost", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="measured batches of each kind")
    parser.add_argument("--records", type=int, choices=GOALS, help="batches of this size only")
    parser.add_argument("--build", type=Path, default=BUILD, help="where the figures are written")
    arguments = parser.parse_args()
    comparisons = compare([arguments.records] if arguments.records else list(GOALS), arguments.rounds)
    arguments.build.mkdir(parents=True, exist_ok=True)
    report = arguments.build / "consumer_cost.json"
    report.write_text(json.dumps(_as_json(comparisons, arguments.rounds), indent=2) + "\n")
    _show(comparisons, Console())
    print(f"Figures: {report}")
    sys.exit(not all(each.is_met for each in comparisons))


def compare(sizes: Sequence[int], rounds: int) -> list[Comparison]:
    """Both contestants at each size.  What they log is formatted and written, to where nobody reads it."""
    with running_stub() as url, Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        pointed_at(url)
        # Clients and loggers take the address and the stream that they find when they are made.
        from tests.benchmarks.contestants import ours, plain

        contestants = [make(size) for size in sizes for make in (plain, ours)]
        figures = measure(contestants, rounds)
    return [
        Comparison(plain=each, ours=other) for each, other in zip(figures[::2], figures[1::2], strict=True)
    ]


def _as_json(comparisons: list[Comparison], rounds: int) -> dict[str, object]:
    return {
        "rounds": rounds,
        "cpus": os.cpu_count(),
        "store_answers_after_ms": ANSWER_AFTER_SECONDS * 1000,
        "python": platform.python_version(),
        "botocore": botocore.__version__,
        "batches": [
            {
                "records": each.ours.records,
                "plain": asdict(each.plain),
                "ours": asdict(each.ours),
                "times_as_fast": each.times_as_fast,
                "share_of_the_cpu": each.share_of_the_cpu,
                "is_met": each.is_met,
            }
            for each in comparisons
        ],
    }


def _show(comparisons: list[Comparison], console: Console) -> None:
    for each in comparisons:
        verdict = "met" if each.is_met else "missed"
        table = Table(
            title=f"A batch of {each.ours.records}, DynamoDB at {ANSWER_AFTER_SECONDS * 1000:.0f} ms",
            caption=f"{each.times_as_fast:.1f} times as fast (goal: {GOALS[each.ours.records]:.0f}), "
            f"{each.share_of_the_cpu:.0%} of the CPU (goal: {MOST_OF_THE_CPU:.0%}): {verdict}",
        )
        table.add_column()
        for name in ("ms a batch", "CPU us a record", "calls"):
            table.add_column(name, justify="right")
        for figures in (each.plain, each.ours):
            table.add_row(
                figures.name,
                f"{figures.batch_ms:.1f}",
                f"{figures.cpu_us_a_record:.0f}",
                str(sum(figures.calls.values())),
            )
        console.print(table)


if __name__ == "__main__":
    main()
