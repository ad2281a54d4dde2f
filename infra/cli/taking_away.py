"""Taking messages away for good: `headworks dead delete`, `headworks waiting cancel`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.admin import Document, Refused
from infra.cli.answers import DeleteAnswer
from infra.cli.asking import Code, agreed, found, items_of, screen, warn
from infra.cli.options import How, Where, Yes, gathers
from infra.cli.tables import count_of
from infra.cli.text import plain

if TYPE_CHECKING:
    from infra.cli.admin import Admin
    from infra.cli.answers import FullItem

Names = Annotated[list[str], typer.Argument(metavar="ID", help="Message ids, or idempotency keys.")]


@gathers
def delete(names: Names, where: Where, how: How, yes: Yes = False) -> None:
    """Delete dead letters with their payloads, for good."""
    _take_away(names, "dead", "dead letter", where, how, yes=yes)


@gathers
def cancel(names: Names, where: Where, how: How, yes: Yes = False) -> None:
    """Delete messages that wait, before they are due."""
    _take_away(names, "waiting", "waiting message", where, how, yes=yes)


def _take_away(names: list[str], state: str, what: str, where: Where, how: How, *, yes: bool) -> None:
    admin = how.admin()
    items, others = _meant(admin, names, state, where)
    for name, why in others:
        warn(f"{name}: {why}", style="yellow")
    if not items:
        raise typer.Exit(Code.NOTHING)
    agreed(f"Delete {count_of(len(items), what)} for good?", yes=yes)
    deleted: list[Any] = []
    for item in items:
        try:
            document = admin.delete("queues", item.queue, "messages", item.id, consumer=item.consumer)
            deleted += document.members["deleted"]
        except Refused as error:
            others.append((item.id, str(error)))
            warn(f"{item.id}: {error}", style="yellow")
    _tell(Document.of({"deleted": deleted}), how)
    if others:
        raise typer.Exit(Code.PARTLY if deleted else Code.NOTHING)


def _meant(
    admin: Admin, names: list[str], state: str, where: Where
) -> tuple[list[FullItem], list[tuple[str, str]]]:
    """The items of these names that are in the state, and why the others aren't meant."""
    items: dict[tuple[str, str, str], FullItem] = {}
    others = []
    for name in dict.fromkeys(names):
        known = items_of(found(admin, name), queue=where.queue, consumer=where.consumer)
        right = [item for item in known if item.state == state]
        items |= {(item.queue, item.consumer, item.key): item for item in right}
        if not right:
            standing = ", ".join(f"{item.state} with {item.queue}/{item.consumer}" for item in known)
            others.append((name, f"isn't {state}, but {standing}" if standing else "nothing is known of it"))
    return list(items.values()), others


def _tell(document: Document, how: How) -> None:
    if how.as_json:
        typer.echo(document.text)
        return
    for each in document.read(DeleteAnswer).deleted:
        screen().print(plain(f"{each.id} deleted: it was {each.was} with {each.queue}/{each.consumer}"))
