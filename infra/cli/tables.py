"""Lists on a terminal: a table where there is room for one, else a few lines for each item."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from infra.cli.text import local_time, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from headworks.ledger.catalogue import Listed

# What a table needs for an id, a time and a readable bit of an error.
NARROWEST_TABLE = 120


def show_list(console: Console, items: Sequence[Listed]) -> None:
    """Print items, one after the other; ids are never cut."""
    if console.width >= NARROWEST_TABLE:
        console.print(_table(items))
        return
    for listed in items:
        for line in _block(listed):
            console.print(line, no_wrap=True, overflow="ellipsis")


def _table(items: Sequence[Listed]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", expand=True)
    for name in ("ID", "WHEN", "REASON"):
        table.add_column(name, no_wrap=True)
    table.add_column("TRIES", justify="right", no_wrap=True)
    several = len({listed.address for listed in items}) > 1
    if several:
        table.add_column("CONSUMER", no_wrap=True, overflow="ellipsis", max_width=30)
    table.add_column("TYPE", no_wrap=True, overflow="ellipsis", max_width=30)
    table.add_column("ERROR", no_wrap=True, overflow="ellipsis", ratio=1)
    for listed in items:
        table.add_row(
            plain(listed.entry.message_id),
            _when(listed),
            Text(_standing(listed), style="red"),
            str(listed.attempt),
            *([_consumer(listed)] if several else []),
            plain(listed.entry.type),
            _error(listed),
        )
    return table


def _block(listed: Listed) -> list[Text]:
    head = Text.assemble(
        plain(listed.entry.message_id, style="bold"), "  ", (_standing(listed), "red"), "  ", _tries(listed)
    )
    lines = [
        Text.assemble("  ", _when(listed), "  ", _consumer(listed)),
        Text.assemble("  ", plain(listed.entry.type)),
        Text.assemble("  ", _error(listed)),
    ]
    return [head, *(line for line in lines if line.plain.strip())]


def _standing(listed: Listed) -> str:
    return str(listed.reason or listed.state)


def _when(listed: Listed) -> Text:
    return Text(local_time(listed.at) if listed.at else "", style="dim")


def _consumer(listed: Listed) -> Text:
    return Text(f"{listed.address.queue}/{listed.address.consumer}")


def _tries(listed: Listed) -> Text:
    return Text(f"{listed.attempt} attempt{'' if listed.attempt == 1 else 's'}", style="dim")


def _error(listed: Listed) -> Text:
    if not listed.error_type:
        return Text("")
    return plain(f"{listed.error_type}: {listed.error}")
