"""`headworks dead replay`: put dead letters back on their queue, and see what becomes of them."""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from infra.cli.answers import Replay
from infra.cli.asking import Code, found, items_of, must_be_known, screen, warn
from infra.cli.options import Because, ChosenDead, How, Where, gathers
from infra.cli.progress import carried, dry_run_of
from infra.cli.replays import show_replay
from infra.cli.text import plain

if TYPE_CHECKING:
    from infra.cli.admin import Admin, Document


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How a replay goes about it."""

    first: Annotated[int | None, typer.Option(min=1, help="So many and no more, the first dead first.")] = (
        None
    )
    rate: Annotated[float | None, typer.Option(min=0.01, help="Messages a second.")] = None
    again: Annotated[bool, typer.Option("--again", help="Run what was completed, too.")] = False
    any_number: Annotated[
        bool, typer.Option("--any-number", help="Also what was replayed ten times already.")
    ] = False
    stop_after: Annotated[
        int | None, typer.Option(min=1, help="Stop when so many of them have failed again.")
    ] = None
    because: Because = None

    @property
    def members(self) -> dict[str, Any]:
        """What was given, by the API's names."""
        given = {
            "first": self.first,
            "rate": self.rate,
            "again": self.again or None,
            "anyNumber": self.any_number or None,
            "stopAfter": self.stop_after,
            "reason": self.because,
        }
        return {name: value for name, value in given.items() if value is not None}


@gathers
def replay(
    where: Where,
    chosen: ChosenDead,
    manner: Manner,
    how: How,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="ID", help="Message ids, or idempotency keys.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Everything that is dead on the queue.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count, say what it means, send nothing.")
    ] = False,
    resume: Annotated[str | None, typer.Option(metavar="REPLAY", help="Carry on one that was begun.")] = None,
) -> None:
    """Put dead letters back on their queue: those named, those chosen by filters, or --all.

    Each is sent once, whatever else replays at the same moment, and runs under its idempotency key.
    """
    admin = how.admin()
    if resume is not None:
        _refuse_beside_resume(where, chosen, manner, others=bool(names or all_ or dry_run))
        asked = _begun(admin, resume)
    else:
        selection = _selection(names or [], chosen, everything=all_)
        consumer = {} if where.consumer is None else {"consumer": where.consumer}
        queue = where.queue or _queue_of(admin, names or [])
        asked = _Asked(queue, {"id": _new_id(), **selection, **manner.members, **consumer})
    if dry_run:
        with must_be_known("--queue"):
            document = dry_run_of(admin, asked.queue, asked.request)
    else:
        document = carried(admin, asked.queue, asked.request, over=asked.over, again=how.again)
    _tell(document, how)


class _Asked(NamedTuple):
    """A replay as the API is asked for it, and how much of it is done."""

    queue: str
    request: dict[str, Any]
    over: int = 0


def _new_id() -> str:
    return f"rpl_{secrets.token_hex(16)}"


def _selection(names: list[str], chosen: ChosenDead, *, everything: bool) -> dict[str, Any]:
    """What is meant, in the API's words: exactly one of names, filters and everything."""
    filters = chosen.members
    given = [each for each in (names, filters, everything) if each]
    if not given:
        raise typer.BadParameter(
            "name message ids, choose by filters (--error-type TimeoutError), or say --all", param_hint="ID"
        )
    if len(given) > 1:
        raise typer.BadParameter("either message ids, or filters, or --all", param_hint="ID")
    if names:
        return {"ids": list(dict.fromkeys(names))}
    return {"filter": filters} if filters else {"all": True}


def _queue_of(admin: Admin, names: list[str]) -> str:
    """The one queue that these messages are dead on."""
    if not names:
        raise typer.BadParameter("say which queue's dead letters are meant", param_hint="--queue")
    queues = set()
    for name in names:
        dead = [
            item
            for item in items_of(found(admin, name), queue=None, consumer=None)
            if item.state in {"dead", "replaying", "completed"}
        ]
        if not dead:
            warn(f"{name} isn't dead.", style="yellow")
        queues |= {item.queue for item in dead}
    if not queues:
        raise typer.Exit(Code.NOTHING)
    if len(queues) > 1:
        raise typer.BadParameter(
            f"they are of several, {plain(', '.join(sorted(queues))).plain}: one at a time",
            param_hint="--queue",
        )
    return queues.pop()


def _refuse_beside_resume(where: Where, chosen: ChosenDead, manner: Manner, *, others: bool) -> None:
    given = [value for each in (where, chosen, manner) for value in asdict(each).values()]
    if others or any(value not in (None, False) for value in given):
        raise typer.BadParameter(
            "a replay that was begun goes on as it was asked for: nothing else can be given beside it",
            param_hint="--resume",
        )


def _begun(admin: Admin, id_: str) -> _Asked:
    """A replay that was begun."""
    document = admin.get("replays", id_)
    begun = document.read(Replay)
    if not begun.goes_on:
        warn(f"The replay {id_} has ended: it is {begun.state}. Start another for what is still dead.")
        raise typer.Exit(Code.NOTHING)
    members = document.members
    selection = members.pop("selection")
    request = {
        name: members[name]
        for name in ("id", "consumer", "first", "rate", "again", "anyNumber", "stopAfter", "reason")
        if members.get(name) not in (None, False)
    }
    chosen: dict[str, Any] = {"all": True}
    if selection["ids"] is not None:
        chosen = {"ids": selection["ids"]}
    elif selection["filter"] is not None:
        chosen = {
            "filter": {name: each for name, each in selection["filter"].items() if each not in (None, [])}
        }
    return _Asked(begun.queue, {**request, **chosen}, begun.sent + begun.skipped.total)


def _tell(document: Document, how: How) -> None:
    replay = document.read(Replay)
    if how.as_json:
        typer.echo(document.text)
    else:
        show_replay(screen(), replay)
    skipped = replay.skipped
    if replay.state == "dry run":
        code = Code.DONE if replay.selected else Code.NOTHING
    elif (
        replay.state == "stopped"
        or replay.failed_again
        or skipped.too_often
        or skipped.gone
        or skipped.not_kept
    ):
        code = Code.PARTLY
    else:
        code = Code.DONE if replay.sent or skipped.total else Code.NOTHING
    if code is not Code.DONE:
        raise typer.Exit(code)
