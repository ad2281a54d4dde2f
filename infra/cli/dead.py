"""Dead letters: `headworks dead list`, `headworks dead show`.

Exit codes: 0 found, 1 nothing found, 2 asked in a way that can't be answered.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console

from headworks.ledger.catalogue import MOST_LISTED, Address, Filter, InvalidCursor, Page
from headworks.ledger.ledger import State
from headworks.outcome import Reason
from infra.cli.answers import FullItem, Listing
from infra.cli.asking import Code, must_be_known, screen, warn
from infra.cli.documents import as_text, page_document, story_document
from infra.cli.options import ChosenDead, How, Where, gathers
from infra.cli.stories import show_story
from infra.cli.tables import count_of, show_groups, show_list
from infra.cli.target import Directory, Profile, Region, Target, find_target
from infra.cli.text import plain, read_time
from infra.local.workspace import HOME
from pipeline import TOPOLOGY

if TYPE_CHECKING:
    from headworks.ledger.catalogue import Catalogue, Listed

app = typer.Typer(help="What was given up, and why.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document, as docs/operations.md has it.")]


@app.command("list")
def list_(
    context: typer.Context,
    queue: Annotated[str | None, typer.Option(help="Of this queue only.")] = None,
    consumer: Annotated[str | None, typer.Option(help="Of this consumer only.")] = None,
    reason: Annotated[
        list[Reason] | None, typer.Option(help="Dead for this reason; may be repeated.")
    ] = None,
    error: Annotated[str | None, typer.Option(help="With this text in the last error.")] = None,
    error_type: Annotated[str | None, typer.Option(help="With this type of error: TimeoutError.")] = None,
    type_: Annotated[str | None, typer.Option("--type", help="Messages of this type.")] = None,
    tenant: Annotated[str | None, typer.Option(help="Of this tenant.")] = None,
    ordering_key: Annotated[str | None, typer.Option(help="Of this ordering key.")] = None,
    since: Annotated[str | None, typer.Option(help="Dead since: 30m, 2h, 7d, 2026-01-31T08:00.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST_LISTED, help="How many at most.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="From where the last page ended.")] = None,
    as_json: AsJson = False,
    directory: Directory = HOME,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """List dead letters, the newest first."""
    only = Filter(
        reasons=frozenset(reason or ()),
        error=error,
        error_type=error_type,
        type=type_,
        tenant=tenant,
        ordering_key=ordering_key,
        since=None if since is None else _time(since),
    )
    addresses = _addresses(queue, consumer)
    target = context.find_object(Target) or find_target(directory, profile, region)
    page = _page(target.catalogue, addresses, only, limit=limit, cursor=cursor)
    if as_json:
        typer.echo(as_text(page_document(page)))
    else:
        _print_page(page)
    if not page.items:
        raise typer.Exit(1)


@app.command()
def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="ID", help="A message id, or an idempotency key.")],
    as_json: AsJson = False,
    directory: Directory = HOME,
    profile: Profile = None,
    region: Region = None,
) -> None:
    """Show a message whole: where it stands with each consumer, every failed attempt, its payload."""
    target = context.find_object(Target) or find_target(directory, profile, region)
    stories = target.catalogue.find(name, _addresses(None, None))
    queues = {queue.name: queue for queue in TOPOLOGY.queues}
    parts = [
        (story, queue, target.claim_check(queue))
        for story in stories
        if (queue := queues.get(story.listed.address.queue))
    ]
    if as_json:
        typer.echo(as_text({"items": [story_document(*each) for each in parts]}))
    else:
        console = Console(highlight=False)
        for index, each in enumerate(parts):
            if index:
                console.print()
            show_story(console, msgspec.convert(story_document(*each), FullItem))
    if not parts:
        Console(stderr=True).print(plain(f"Nothing is known of {name}."), soft_wrap=True)
        raise typer.Exit(1)


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


def _page(
    catalogue: Catalogue, addresses: list[Address], only: Filter, *, limit: int, cursor: str | None
) -> Page:
    """As many as were asked for, however many reads a rare filter takes."""
    items: list[Listed] = []
    try:
        while True:
            page = catalogue.page(State.DEAD, addresses, only=only, limit=limit - len(items), cursor=cursor)
            items += page.items
            cursor = page.cursor
            if cursor is None or len(items) >= limit:
                return Page(items=tuple(items), cursor=cursor)
    except InvalidCursor as error:
        raise typer.BadParameter(str(error), param_hint="--cursor") from error


def _print_page(page: Page) -> None:
    if not page.items:
        Console(stderr=True).print("No dead letters.")
        return
    console = Console(highlight=False)
    show_list(console, msgspec.convert(page_document(page), Listing).items)
    if page.cursor is not None:
        console.print(f"\nThere are more: add --cursor {page.cursor}", soft_wrap=True, markup=False)


def _addresses(queue: str | None, consumer: str | None) -> list[Address]:
    """The consumers that are meant: all of them, or a queue's, or those of one name."""
    known = [Address(each.name, name) for each in TOPOLOGY.queues for name in each.consumers]
    queues = {address.queue for address in known}
    if queue is not None and queue not in queues:
        raise typer.BadParameter(f"there are {', '.join(sorted(queues))}", param_hint="--queue")
    found = [
        address
        for address in known
        if queue in (None, address.queue) and consumer in (None, address.consumer)
    ]
    if not found:
        names = ", ".join(sorted(address.consumer for address in known if queue in (None, address.queue)))
        raise typer.BadParameter(f"there are {names}", param_hint="--consumer")
    return found


def _time(since: str) -> datetime:
    try:
        return read_time(since, datetime.now(UTC))
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter("30m, 2h, 7d or 2026-01-31T08:00", param_hint="--since") from error
