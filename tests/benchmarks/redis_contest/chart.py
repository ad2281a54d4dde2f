"""A contest as a picture: a panel for each measure, a bar for each contestant."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from tests.benchmarks.redis_contest.contestants import OURS
from tests.benchmarks.redis_contest.figures import PLAIN

if TYPE_CHECKING:
    from tests.benchmarks.redis_contest.figures import Figures

PANELS = {
    "drain": ("Drained a second, a handler that does nothing", ",.0f"),
    "batch": ("Sent a second, in batches", ",.0f"),
    "single": ("Sent a second, one by one", ",.0f"),
    "p99": ("On its way at 200 a second, ms, p99 (less is better)", ".2f"),
}
WIDTH, LABELS, FIGURES = 720, 110, 90
BAR, GAP, TITLE = 18, 6, 34
OWN, OTHERS, INK = "#1f6f8b", "#b8c4cc", "#222222"


def as_svg(figures: Figures, setting: str = PLAIN) -> str:
    """The medians of one setting; a measure that nobody has is left out."""
    shapes: list[str] = []
    down = 0
    for measure, (title, how) in PANELS.items():
        found = [(name, figures.of(setting, name, measure)) for name in figures.contestants(setting)]
        known = [(name, value) for name, value in found if value]
        if not known:
            continue
        down += TITLE
        shapes.append(_text(0, down - 12, title, weight="bold"))
        most = max(value for _, value in known)
        for name, value in sorted(known, key=lambda each: each[1], reverse=measure != "p99"):
            length = max((WIDTH - LABELS - FIGURES) * value / most, 1)
            shapes.append(_text(0, down + BAR - 5, name))
            color = OWN if name == OURS else OTHERS
            at = f'x="{LABELS}" y="{down}" width="{length:.1f}" height="{BAR}"'
            shapes.append(f'<rect {at} fill="{color}"/>')
            shapes.append(_text(LABELS + length + 6, down + BAR - 5, format(value, how)))
            down += BAR + GAP
    box = f'viewBox="-10 0 {WIDTH + 20} {down + 10}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {box} font-family="sans-serif" font-size="13">'
        f'<rect x="-10" width="100%" height="100%" fill="white"/>{"".join(shapes)}</svg>\n'
    )


def _text(x: float, y: float, text: str, *, weight: str = "normal") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{INK}" font-weight="{weight}">{escape(text)}</text>'
