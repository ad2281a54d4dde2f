"""`headworks stats`: how every queue stands, once or for as long as somebody watches."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from infra.cli.admin import AdminError, CannotBeAnswered, Unknown
from infra.cli.answers import Overview, QueueStats
from infra.cli.asking import Code, must_be_known, screen
from infra.cli.numbers import picture
from infra.cli.options import How, complete_queue, gathers
from infra.cli.text import local_time, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

    from infra.cli.admin import Admin, Document


@gathers
def stats(
    how: How,
    queue: Annotated[
        str | None, typer.Argument(metavar="QUEUE", help="This queue only.", autocompletion=complete_queue)
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on showing them, until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option(min=0.5, help="Seconds between two looks, with --watch.")] = 2.0,
) -> None:
    """Show how much is pending, retrying, waiting and dead; docs/admin_api.md says what each number is."""
    admin = how.admin()
    if watch:
        look_on(lambda: _asked(admin, queue), as_json=how.as_json, pause=lambda: time.sleep(every))
        return
    document = _asked(admin, queue)
    seen = _Seen.of(document)
    if how.as_json:
        typer.echo(document.text)
    else:
        console = screen()
        console.print(seen.shown(console))
    if seen.is_troubled:
        raise typer.Exit(Code.PARTLY)


def look_on(ask: Callable[[], Document], *, as_json: bool, pause: Callable[[], None]) -> None:
    """Show the numbers again and again, until Ctrl-C; while they can't be had, the last ones and why."""
    console = screen()
    shown: RenderableType = Text("")
    with Live(console=console, auto_refresh=False, transient=False) as live:
        try:
            while True:
                try:
                    document = ask()
                    shown = told = _Seen.of(document).shown(console)
                except (CannotBeAnswered, Unknown):
                    raise
                except AdminError as error:
                    document, told = None, Group(shown, plain(str(error), style="red"))
                if as_json and document is not None:
                    typer.echo(document.text)
                elif console.is_terminal:
                    live.update(told, refresh=True)
                elif not as_json:
                    console.print(told)
                pause()
        except KeyboardInterrupt:
            return


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """The numbers at one moment."""

    overview: Overview

    @classmethod
    def of(cls, document: Document) -> _Seen:
        if "queues" in document.members:
            return cls(overview=document.read(Overview))
        only = document.read(QueueStats)
        return cls(overview=Overview(at=datetime.now().astimezone(), queues=(only,)))

    def shown(self, console: Console) -> RenderableType:
        numbers = picture(self.overview.queues, self.overview.sources, width=console.width)
        return Group(numbers, Text(f"\n{local_time(self.overview.at)}", style="dim"))

    @property
    def is_troubled(self) -> bool:
        return any(stats.trouble for queue in self.overview.queues for stats in queue.consumers)


def _asked(admin: Admin, queue: str | None) -> Document:
    path: tuple[Any, ...] = ("queues",) if queue is None else ("queues", queue)
    with must_be_known("QUEUE"):
        return admin.get(*path)
