"""A contest in Markdown and in JSON."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING, Any

from tests.benchmarks.redis_contest import raw
from tests.benchmarks.redis_contest.contestants import HEADWORKS, PEERS
from tests.benchmarks.redis_contest.figures import RAW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.redis_contest.figures import Figures

# What a column is called, and how its figures are written.
COLUMNS = {
    "single": ("one by one, /s", ",.0f"),
    "together": ("by many tasks, /s", ",.0f"),
    "batch": ("in batches, /s", ",.0f"),
    "ready": ("of messages made before, /s", ",.0f"),
    "drain": ("drained, /s", ",.0f"),
    "p50": ("p50 at 200/s, ms", ".2f"),
    "p99": ("p99 at 200/s, ms", ".2f"),
    "bytes": ("bytes a message", ",.0f"),
}


def as_markdown(figures: Figures, rounds: int) -> str:
    """Tables: a setting each, the goals, and what each contestant does for a message."""
    parts = [_circumstances(figures, rounds)]
    for setting in figures.settings():
        parts.append(f"## {setting}\n\n{_setting(figures, setting)}")
        if ordered := _ordered(figures, setting):
            parts.append(ordered)
    if goals := figures.goals():
        rows = [
            (each.claim, f"{each.reached:.2f}", f"{each.wanted:.2f}", "yes" if each.is_met else "no")
            for each in goals
        ]
        parts.append("## Goals\n\n" + table(("", "reached", "wanted", "met"), rows))
    who = [
        (each.name, ", ".join(each.pins) or "this project", each.per_message) for each in (HEADWORKS, *PEERS)
    ]
    parts.append("## What each does for a message\n\n" + table(("", "version", "does"), who))
    if figures.troubles:
        parts.append("## Not measured\n\n" + table(("", "why"), sorted(figures.troubles.items())))
    return "\n\n".join(parts) + "\n"


def as_json(figures: Figures, rounds: int) -> dict[str, Any]:
    """Every value of every round."""
    return {
        "rounds": rounds,
        "cpus": os.cpu_count(),
        "load": figures.loads,
        "python": platform.python_version(),
        "raw_by": raw.tool() or "a client of ours",
        "medians": {
            setting: {
                name: {
                    measure: figures.of(setting, name, measure)
                    for where, who, measure in figures.values
                    if (where, who) == (setting, name)
                }
                for name in (*figures.contestants(setting), RAW)
            }
            for setting in figures.settings()
        },
        "values": [
            {"setting": setting, "contestant": name, "measure": measure, "values": values}
            for (setting, name, measure), values in figures.values.items()
        ],
        "goals": [
            {"claim": each.claim, "wanted": each.wanted, "reached": each.reached, "is_met": each.is_met}
            for each in figures.goals()
        ],
        "troubles": figures.troubles,
    }


def _circumstances(figures: Figures, rounds: int) -> str:
    load = f"{min(figures.loads):.1f} to {max(figures.loads):.1f}" if figures.loads else "unknown"
    times = "one round" if rounds == 1 else f"{rounds} rounds"
    return (
        f"# Queues on Redis\n\nMedians of {times} in which all take turns, on {os.cpu_count()} CPUs under a load "
        f"of {load} (the contest itself makes about 2): figures of one run compare, those of two don't."
    )


def _setting(figures: Figures, setting: str) -> str:
    rows = [
        (name, *(_cell(figures.of(setting, name, each), COLUMNS[each][1]) for each in COLUMNS))
        for name in figures.contestants(setting)
    ]
    measured = table(("", *(title for title, _ in COLUMNS.values())), rows)
    limit = figures.of(setting, RAW, "xadd")
    return measured + (f"\n\nThe server itself: {limit:,.0f} XADD a second, pipelined." if limit else "")


def _ordered(figures: Figures, setting: str) -> str:
    """What keeps an order for each key: nobody else here does."""
    rows = []
    for where, name, measure in figures.values:
        if where == setting and measure.startswith("drain, "):
            keys = measure.removeprefix("drain, ")
            of = [figures.of(setting, name, f"{way}, {keys}") for way in ("batch", "drain")]
            rows.append((f"{name}, {keys}", *(_cell(each, ",.0f") for each in of)))
    if not rows:
        return ""
    return table(("In order by key", "in batches, /s", "drained, /s"), rows)


def _cell(value: float | None, how: str) -> str:
    return "-" if value is None else format(value, how)


def table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
