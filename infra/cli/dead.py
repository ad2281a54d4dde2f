"""Dead letters: `headworks dead list`, `groups`, `show`; what is done to them has modules of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from infra.cli.answers import Found, Listing
from infra.cli.asking import Code, found, must_be_known, screen, warn
from infra.cli.finding import nothing_of
from infra.cli.lists import show_state
from infra.cli.options import ChosenDead, How, Paged, Where, gathers
from infra.cli.stories import show_story
from infra.cli.tables import count_of, show_groups

app = typer.Typer(help="What was given up, and why.", no_args_is_help=True)


@app.command("list")
@gathers
def list_(where: Where, chosen: ChosenDead, paged: Paged, how: How) -> None:
    """List dead letters, the newest first."""
    show_state("dead", where, chosen, paged, how)


@app.command()
@gathers
def groups(where: Where, chosen: ChosenDead, how: How) -> None:
    """Count dead letters by their errors; numbers, ids and quoted texts in them don't tell them apart."""
    query = {"state": "dead", "groups": True, **where.of_consumer, **chosen.query}
    with must_be_known("--queue"):
        document = how.admin().get(*where.path, **query)
    listing = document.read(Listing)
    if how.as_json:
        typer.echo(document.text)
    elif listing.groups:
        console = screen()
        show_groups(console, listing.groups)
        more = "" if listing.total_is_exact else "at least "
        console.print(f"\n{more}{count_of(listing.total or 0, 'dead letter')}")
    else:
        warn("No dead letters.")
    if not listing.groups:
        raise typer.Exit(Code.NOTHING)


@app.command()
@gathers
def show(
    name: Annotated[str, typer.Argument(metavar="ID", help="A message id, or an idempotency key.")], how: How
) -> None:
    """Show a message whole: where it stands with each consumer, every failed attempt, its payload."""
    document = found(how.admin(), name) or nothing_of(name)
    items = document.read(Found).items
    if how.as_json:
        typer.echo(document.text)
    else:
        console = screen()
        for index, item in enumerate(items):
            if index:
                console.print()
            show_story(console, item)
    if not items:
        warn(f"Nothing is known of {name}.")
        raise typer.Exit(Code.NOTHING)
