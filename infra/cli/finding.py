"""`headworks find`: where is my event?"""

from __future__ import annotations

from typing import Annotated

import typer

from infra.cli.admin import Document
from infra.cli.answers import Found
from infra.cli.asking import Code, found, screen, warn
from infra.cli.options import How, gathers
from infra.cli.stories import show_found

NameArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="A message id, an idempotency key, a provider's event id or an order's id."
    ),
]


@gathers
def find(name: NameArgument, how: How) -> None:
    """Tell where an event is: when it came in, and how it stands with each consumer."""
    document = found(how.admin(), name)
    known = Found(name=name) if document is None else document.read(Found)
    if how.as_json:
        typer.echo((document or nothing_of(name)).text)
    else:
        show_found(screen(), known)
    if document is None:
        warn(f"Nothing is known of {name}.")
        raise typer.Exit(Code.NOTHING)
    for trouble in known.trouble:
        warn(trouble)
    if known.trouble:
        raise typer.Exit(Code.PARTLY)


def nothing_of(name: str) -> Document:
    """The document of a name that nothing is known of."""
    return Document.of({"name": name, "received": [], "items": [], "trouble": []})
