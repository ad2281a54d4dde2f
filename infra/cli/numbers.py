"""The numbers of every queue on a terminal: a table where there is room for one, else two lines each."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from rich.columns import Columns
from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from headworks.operations.control import MOST_COUNTED
from infra.cli.tables import a_table, count_of
from infra.cli.text import INDENT, local_time, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from infra.cli.answers import ConsumerStats, Pause, QueueStats, SourceStats

NARROWEST_TABLE = 112
# Redis doesn't tell these apart: both are among what is `due`.
_TOLD_AS_DUE = frozenset({"retrying", "delayed"})
_COUNTS = ("pending", "processing", "retrying", "delayed", "waiting", "dead", "unburied")
# What somebody should look at, where it isn't 0.
_LOUD = {"dead": "red", "unburied": "bold red"}
_UNITS = (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("m", timedelta(minutes=1)))


def picture(queues: Sequence[QueueStats], sources: Sequence[SourceStats], *, width: int) -> RenderableType:
    """All numbers, and below them what has to be said in words."""
    rows = [(f"{queue.name}/{stats.consumer}", stats) for queue in queues for stats in queue.consumers]
    numbers = [_table(rows)] if width >= NARROWEST_TABLE else [_block(*row) for row in rows]
    words = [*_words(rows), *_words_of(sources)]
    return Group(*numbers, *([Text("")] if words else []), *words)


def short(age: float | None) -> str:
    """An age as short as it can be told: `12s`, `3m 20s`, `2h 5m`, `4d 1h`."""
    if age is None:
        return "-"
    left = timedelta(seconds=int(age))
    parts: list[str] = []
    for unit, length in _UNITS:
        if left >= length or parts:
            parts.append(f"{left // length}{unit}")
            left %= length
    parts.append(f"{left.seconds}s")
    return " ".join(part for part in parts[:2] if part[0] != "0") or "0s"


def _table(rows: Sequence[tuple[str, ConsumerStats]]) -> Table:
    table = a_table()
    table.add_column("CONSUMER", no_wrap=True, overflow="ellipsis", ratio=1)
    for name in (*_COUNTS, "oldest", "done/min"):
        table.add_column(name.upper(), justify="right", no_wrap=True)
    for name, stats in rows:
        table.add_row(
            _name(name, stats),
            *(_count(stats, each) for each in _COUNTS),
            short(stats.oldest_age_seconds),
            f"{stats.rates.done:,.4g}" if stats.rates else "-",
        )
    return table


def _block(name: str, stats: ConsumerStats) -> RenderableType:
    numbers = [(each, _count(stats, each)) for each in _COUNTS]
    numbers.append(("oldest", Text(short(stats.oldest_age_seconds))))
    if stats.rates:
        numbers.append(("done/min", Text(f"{stats.rates.done:,.4g}")))
    shown = Columns(
        (Text.assemble((f"{label} ", "dim"), number) for label, number in numbers), padding=(0, 2)
    )
    return Group(_name(name, stats), Padding(shown, (0, 0, 0, INDENT)))


def _name(name: str, stats: ConsumerStats) -> Text:
    text = plain(name, style="bold")
    return Text.assemble(text, ("  paused", "bold yellow")) if stats.paused else text


def _count(stats: ConsumerStats, name: str) -> Text:
    number: int | None = getattr(stats, name)
    if number is None and stats.due is not None and name in _TOLD_AS_DUE:
        return Text("-", style="dim")
    if number is None:
        return Text("?", style="red")
    more = "+" if number >= MOST_COUNTED and not stats.counts_are_exact else ""
    return Text(f"{number:,}{more}", style=_LOUD.get(name, "") if number else "dim")


def _words(rows: Sequence[tuple[str, ConsumerStats]]) -> Iterator[Text]:
    for name, stats in rows:
        if stats.paused:
            yield _paused(name, stats.paused)
        if stats.due:
            yield plain(
                f"{name}: {count_of(stats.due, 'message')} on Redis until due, for a retry or after a delay"
            )
        if stats.parked:
            yield plain(
                f"{name}: {count_of(stats.parked, 'message')} parked behind another of the same ordering key"
            )
        for warning in stats.warnings:
            yield plain(f"{name}: {warning}", style="yellow")
        for trouble in stats.trouble:
            yield plain(f"{name}: {trouble}", style="red")


def _words_of(sources: Sequence[SourceStats]) -> Iterator[Text]:
    for source in sources:
        held = f"; {count_of(source.held, 'event')} kept back" if source.held else ""
        if source.paused:
            yield _paused(f"the source {source.name}", source.paused).append(held, style="yellow")
        elif held:
            yield plain(f"the source {source.name} is being resumed{held}", style="yellow")


def _paused(name: str, pause: Pause) -> Text:
    why = f": {pause.reason}" if pause.reason else ""
    return plain(f"{name} is paused since {local_time(pause.since)}, by {pause.by}{why}", style="yellow")
