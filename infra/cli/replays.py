"""Replays that were begun: `headworks replays list`, `show`, `stop`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from infra.cli.answers import Replay, RunningReplays
from infra.cli.asking import Code, screen, warn
from infra.cli.options import How, gathers
from infra.cli.progress import watched
from infra.cli.tables import count_of
from infra.cli.text import indented, labelled, local_time, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from infra.cli.answers import Selection, Skipped

app = typer.Typer(help="Replays that were begun.", no_args_is_help=True)

LABEL_WIDTH = 14
ReplayArgument = Annotated[str, typer.Argument(metavar="REPLAY", help="A replay's id.")]
_STYLES = {"running": "bold yellow", "finished": "bold green", "stopped": "bold red"}


@app.command("list")
@gathers
def list_(how: How) -> None:
    """List the replays that go on."""
    document = how.admin().get("replays")
    replays = document.read(RunningReplays).replays
    if how.as_json:
        typer.echo(document.text)
    console = screen()
    for index, each in enumerate(() if how.as_json else replays):
        if index:
            console.print()
        show_replay(console, each)
    if not replays:
        warn("No replay goes on.")
        raise typer.Exit(Code.NOTHING)


@app.command()
@gathers
def show(
    id_: ReplayArgument,
    how: How,
    watch: Annotated[bool, typer.Option("--watch", help="Look on until it has ended, or Ctrl-C.")] = False,
) -> None:
    """Show how a replay stands."""
    admin = how.admin()
    document = watched(admin, id_) if watch else admin.get("replays", id_)
    if how.as_json:
        typer.echo(document.text)
    else:
        show_replay(screen(), document.read(Replay))


@app.command()
@gathers
def stop(id_: ReplayArgument, how: How) -> None:
    """Stop a replay where it is; what it has sent stays sent."""
    document = how.admin().delete("replays", id_)
    if how.as_json:
        typer.echo(document.text)
    else:
        show_replay(screen(), document.read(Replay))


def show_replay(console: Console, replay: Replay) -> None:
    """Print how a replay stands."""
    head = "" if replay.state == "dry run" else replay.id
    style = _STYLES.get(replay.state, "bold")
    console.print(
        Text.assemble(plain(f"{head}  " if head else "", style="bold"), plain(replay.state, style=style)),
        soft_wrap=True,
    )
    for label, value in _facts(replay):
        if value:
            labelled(console, label, plain(value), width=LABEL_WIDTH)
    for note in replay.notes:
        indented(console, plain(note, style="yellow"))


def _facts(replay: Replay) -> Iterator[tuple[str, str | None]]:
    yield "queue", replay.queue + (f"/{replay.consumer}" if replay.consumer else "")
    yield "selection", _selection(replay.selection)
    yield "manner", ", ".join(_manner(replay))
    why = f": {replay.reason}" if replay.reason else ""
    yield "asked", f"{local_time(replay.asked_at)} by {replay.by}{why}"
    yield "selected", None if replay.selected is None else f"{replay.selected:,}"
    if replay.ordering_keys:
        yield "ordering keys", f"{replay.ordering_keys:,}"
    if replay.state != "dry run":
        yield "sent", f"{replay.sent:,}"
        yield "failed again", f"{replay.failed_again:,}" if replay.failed_again else None
    yield "not sent", _skipped(replay.skipped)
    yield "ended", local_time(replay.ended_at) if replay.ended_at else None
    yield "because", replay.stopped_because


def _selection(selection: Selection) -> str:
    if selection.ids is not None:
        return count_of(len(selection.ids), "message")
    if selection.filter:
        given = {name: value for name, value in selection.filter.items() if value not in (None, [])}
        return ", ".join(f"{name} {_written(value)}" for name, value in given.items())
    return "all"


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _manner(replay: Replay) -> Iterator[str]:
    if replay.first is not None:
        yield f"the first {replay.first:,}"
    if replay.rate is not None:
        yield f"{replay.rate:g} a second"
    if replay.again:
        yield "completed ones again"
    if replay.any_number:
        yield "however often they were replayed"
    if replay.stop_after is not None:
        yield f"until {replay.stop_after:,} have failed again"


def _skipped(skipped: Skipped) -> str:
    counts = {
        "completed meanwhile": skipped.completed,
        "on their way already": skipped.busy,
        "replayed too often": skipped.too_often,
        "not dead": skipped.gone,
        "without a payload": skipped.not_kept,
    }
    return ", ".join(f"{number:,} {why}" for why, number in counts.items() if number)
