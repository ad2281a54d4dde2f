"""Lists on a terminal: a table where there is room for one, else a few lines for each item."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from infra.cli.text import INDENT, due_time, indented, local_time, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from infra.cli.answers import Group, Item

# What a table needs for an id, a time and a readable bit of an error.
NARROWEST_TABLE = 120


def a_table(*, header: bool = True) -> Table:
    """A table as all of them look here; what is added to it decides its columns."""
    return Table(
        box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", expand=True, show_header=header
    )


def show_list(console: Console, items: Sequence[Item]) -> None:
    """Print items, one after the other; ids are never cut."""
    if console.width >= NARROWEST_TABLE:
        console.print(_table(items))
        return
    for item in items:
        for line in _block(item):
            console.print(line, no_wrap=True, overflow="ellipsis")


def show_groups(console: Console, groups: Sequence[Group]) -> None:
    """Print groups of equal errors: how many, since when, what, and one of them to look at."""
    widest = max(len(f"{group.count:,}") for group in groups)
    for group in groups:
        error = _error_of(group.reason, group.error_type, group.error)
        count = Text(f"{group.count:>{widest},}  ", style="bold")
        indented(console, error, by=widest + INDENT, first=count)
        times = f"{local_time(group.first)} to {local_time(group.last)}"
        for text in (times, f"like {group.example.id} ({group.example.queue}/{group.example.consumer})"):
            line = Text(" " * (widest + INDENT)).append_text(plain(text, style="dim"))
            console.print(line, no_wrap=True, overflow="ellipsis")


def count_of(number: int, one: str, several: str | None = None) -> str:
    """A number with what it is of: `1 message`, `3,000 messages`."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def _table(items: Sequence[Item]) -> Table:
    table = a_table()
    for name in ("ID", "WHEN", "STATE"):
        table.add_column(name, no_wrap=True)
    table.add_column("TRIES", justify="right", no_wrap=True)
    several = len({(item.queue, item.consumer) for item in items}) > 1
    if several:
        table.add_column("CONSUMER", no_wrap=True, overflow="ellipsis", max_width=30)
    table.add_column("TYPE", no_wrap=True, overflow="ellipsis", max_width=30)
    table.add_column("ERROR", no_wrap=True, overflow="ellipsis", ratio=1)
    for item in items:
        table.add_row(
            plain(item.id),
            _when(item),
            _standing(item),
            str(item.attempt),
            *([_consumer(item)] if several else []),
            plain(item.type or ""),
            _error_of(None, item.error_type, item.error),
        )
    return table


def _block(item: Item) -> list[Text]:
    head = Text.assemble(plain(item.id, style="bold"), "  ", _standing(item), "  ", _tries(item))
    lines = [
        Text.assemble("  ", _when(item), "  ", _consumer(item)),
        Text.assemble("  ", plain(item.type or "")),
        Text.assemble("  ", _error_of(None, item.error_type, item.error)),
    ]
    return [head, *(line for line in lines if line.plain.strip())]


def _standing(item: Item) -> Text:
    """The reason of a dead one; of others, and of a dead one that is being put back, the state."""
    return plain(item.reason if item.state == "dead" and item.reason else item.state, style="red")


def _when(item: Item) -> Text:
    return Text(due_time(item.at) if item.at else "", style="dim")


def _consumer(item: Item) -> Text:
    return plain(f"{item.queue}/{item.consumer}")


def _tries(item: Item) -> Text:
    return Text(count_of(item.attempt, "attempt"), style="dim")


def _error_of(reason: str | None, error_type: str | None, error: str | None) -> Text:
    told = f"{error_type}: {error or ''}" if error_type else error or ""
    return plain(": ".join(each for each in (reason, told) if each))
