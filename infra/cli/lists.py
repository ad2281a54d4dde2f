"""What is on its way: `headworks waiting`, `retrying`, `running`."""

from __future__ import annotations

import typer

from infra.cli.answers import Listing
from infra.cli.asking import Code, listed, screen, tell_of_more, warn
from infra.cli.options import Chosen, How, Paged, Where, gathers
from infra.cli.tables import show_list
from infra.cli.taking_away import cancel

waiting = typer.Typer(help="What is out of its queue until it is due.", no_args_is_help=True)
retrying = typer.Typer(help="What failed and comes back.", no_args_is_help=True)
running = typer.Typer(help="What is at work, from the second attempt on.", no_args_is_help=True)

waiting.command("cancel")(cancel)


@waiting.command("list")
@gathers
def list_waiting(where: Where, chosen: Chosen, paged: Paged, how: How) -> None:
    """List what waits, the first due first."""
    show_state("waiting", where, chosen, paged, how)


@retrying.command("list")
@gathers
def list_retrying(where: Where, chosen: Chosen, paged: Paged, how: How) -> None:
    """List what is between two attempts, the first due first."""
    show_state("retrying", where, chosen, paged, how)


@running.command("list")
@gathers
def list_running(where: Where, chosen: Chosen, paged: Paged, how: How) -> None:
    """List what is at work, the longest first."""
    show_state("running", where, chosen, paged, how)


def show_state(state: str, where: Where, chosen: Chosen, paged: Paged, how: How) -> None:
    """Show a page of what is in one state."""
    query = {"state": state, **where.of_consumer, **chosen.query}
    document = listed(how.admin(), where.path, limit=paged.limit, cursor=paged.cursor, **query)
    listing = document.read(Listing)
    if how.as_json:
        typer.echo(document.text)
    elif listing.items:
        console = screen()
        show_list(console, listing.items)
        tell_of_more(console, listing)
    else:
        warn(f"Nothing is {state}." if state != "dead" else "No dead letters.")
    if not listing.items:
        raise typer.Exit(Code.NOTHING)
