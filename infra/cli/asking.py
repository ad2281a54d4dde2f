"""What commands do alike: ask the admin API, print what it says, leave with an exit code."""

from __future__ import annotations

from contextlib import contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

from headworks.errors import HeadworksError
from infra.cli.admin import CannotBeAnswered, Document, Unknown
from infra.cli.answers import Found, Listing
from infra.cli.text import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.cli.admin import Admin
    from infra.cli.answers import FullItem


class Code(IntEnum):
    """Exit codes, written down in docs/operations.md."""

    DONE = 0
    NOTHING = 1
    WRONG = 2
    PARTLY = 3
    INTERRUPTED = 130


class Commands(typer.core.TyperGroup):
    """Commands whose trouble is told in a sentence."""

    def invoke(self, ctx: Any) -> Any:
        """Run one of them; what goes wrong on purpose is a sentence on stderr and an exit code."""
        try:
            return super().invoke(ctx)
        except HeadworksError as error:
            warn(f"headworks: {error}", style="red")
            code = Code.WRONG if isinstance(error, CannotBeAnswered) else Code.NOTHING
            raise typer.Exit(code) from error


def screen() -> Console:
    """Where a command's results go: coloured on a terminal only, and nothing in them is markup."""
    return Console(highlight=False, markup=False)


def warn(text: str, *, style: str = "") -> None:
    """Say something beside the results."""
    Console(stderr=True, highlight=False).print(plain(text, style=style, lines=True), soft_wrap=True)


def agreed(question: str, *, yes: bool) -> None:
    """Go on only if whoever sits there wants it."""
    if not yes:
        typer.confirm(plain(question).plain, abort=True, err=True)


@contextmanager
def must_be_known(hint: str) -> Iterator[None]:
    """What isn't known here was asked for wrongly: a queue, a consumer or a source."""
    try:
        yield
    except Unknown as error:
        raise typer.BadParameter(plain(str(error)).plain, param_hint=hint) from error


def listed(admin: Admin, path: tuple[str, ...], *, limit: int, cursor: str | None, **query: Any) -> Document:
    """As many items as were asked for, however many pages a rare filter takes."""
    items: list[Any] = []
    while True:
        with must_be_known("--queue"):
            page = admin.get(*path, **query, limit=limit - len(items), cursor=cursor).members
        items += page["items"]
        cursor = page["cursor"]
        if cursor is None or len(items) >= limit:
            return Document.of({**page, "items": items})


def found(admin: Admin, name: str) -> Document | None:
    """Everything that is known of a name, if anything is."""
    try:
        return admin.get("find", name=name)
    except Unknown:
        return None


def items_of(document: Document | None, *, queue: str | None, consumer: str | None) -> list[FullItem]:
    """What was found with these consumers."""
    if document is None:
        return []
    return [
        item
        for item in document.read(Found).items
        if queue in (None, item.queue) and consumer in (None, item.consumer)
    ]


def tell_of_more(console: Console, listing: Listing) -> None:
    """Say how a list goes on, if it does."""
    if listing.cursor is not None:
        console.print(f"\nThere are more: add --cursor {listing.cursor}", soft_wrap=True)
