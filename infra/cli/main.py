"""The `headworks` command; each family of commands has a module of its own."""

from __future__ import annotations

import sys

import typer

from headworks.errors import HeadworksError
from infra.cli import dead, local

app = typer.Typer(
    help="The event pipeline that a team owns.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(local.dev)
app.command()(local.send)
app.add_typer(dead.app, name="dead")


def main() -> None:
    """Run the command; what goes wrong on purpose is told in a sentence."""
    try:
        app()
    except HeadworksError as error:
        typer.secho(f"headworks: {error}", err=True, fg=typer.colors.RED)
        sys.exit(1)
