"""The `headworks` command; each family of commands has a module of its own."""

from __future__ import annotations

import typer

from infra.cli import (
    control,
    dead,
    editing,
    finding,
    lists,
    local,
    replaying,
    replays,
    stats,
    taking_away,
    work,
)
from infra.cli.asking import Commands

app = typer.Typer(
    cls=Commands,
    help="The event pipeline that a team owns.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
for command in (
    finding.find,
    stats.stats,
    control.pause,
    control.resume,
    control.process,
    control.purge,
    local.send,
    local.dev,
    work.work,
):
    app.command()(command)
dead.app.command("edit")(editing.edit)
dead.app.command("replay")(replaying.replay)
dead.app.command("delete")(taking_away.delete)
for name, family in (
    ("dead", dead.app),
    ("waiting", lists.waiting),
    ("retrying", lists.retrying),
    ("running", lists.running),
    ("replays", replays.app),
):
    app.add_typer(family, name=name)


def main() -> None:
    """Run the command."""
    app()
