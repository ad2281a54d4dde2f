"""Stopping the bleeding: `headworks pause`, `resume`, `process`, `purge`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli.admin import Document
from infra.cli.answers import Changed, PauseAnswer, ProcessAnswer, PurgeAnswer
from infra.cli.asking import Code, must_be_known, screen, warn
from infra.cli.options import (
    Because,
    ConsumerOption,
    How,
    QueueArgument,
    Yes,
    complete_queue,
    complete_source,
    gathers,
    read_option,
)
from infra.cli.tables import count_of
from infra.cli.text import local_time, plain

if TYPE_CHECKING:
    from infra.cli.admin import Admin

OptionalQueue = Annotated[
    str | None, typer.Argument(metavar="QUEUE", help="The queue's name.", autocompletion=complete_queue)
]
SourceOption = Annotated[
    str | None,
    typer.Option("--source", help="A source instead of a queue.", autocompletion=complete_source),
]


@gathers
def pause(
    how: How,
    queue: OptionalQueue = None,
    consumer: ConsumerOption = None,
    source: SourceOption = None,
    because: Because = None,
) -> None:
    """Let a queue's consumers take nothing more, or keep a source's events back; what arrives stays."""
    path = _path(queue, consumer, source, "pause")
    _change(how, path, {"consumer": consumer, "reason": because})


@gathers
def resume(
    how: How, queue: OptionalQueue = None, consumer: ConsumerOption = None, source: SourceOption = None
) -> None:
    """Go on with what was paused."""
    _change(how, _path(queue, consumer, source, "resume"), {"consumer": consumer})


@gathers
def process(
    queue: QueueArgument,
    how: How,
    consumer: ConsumerOption = None,
    batch_size: Annotated[int, typer.Option(min=1, help="How many messages at most.")] = 10,
) -> None:
    """Have the queue's own function process some messages now, also while it is paused."""
    with must_be_known("QUEUE"):
        document = how.admin().post(
            "queues", queue, "process", body=_given({"consumer": consumer, "batchSize": batch_size})
        )
    answer = document.read(ProcessAnswer)
    if how.as_json:
        typer.echo(document.text)
    else:
        _tell_processed(answer)
    if not answer.received and not answer.unfinished:
        raise typer.Exit(Code.NOTHING)
    if answer.failed or answer.unfinished:
        raise typer.Exit(Code.PARTLY)


@gathers
def purge(
    queue: QueueArgument,
    how: How,
    consumer: ConsumerOption = None,
    before: Annotated[
        str | None, typer.Option(help="What was sent before then: 30m, 2h, 7d, 2026-01-31T08:00.")
    ] = None,
    yes: Yes = False,
) -> None:
    """Delete what lies on a queue.  Dead letters and what waits in the ledger stay."""
    asked = {"confirm": queue, "consumer": consumer, "before": read_option("--before", before)}
    admin = how.admin()
    if not yes:
        typed = typer.prompt(f"This deletes messages for good. Type {plain(queue).plain} to go on", err=True)
        if typed != queue:
            warn("That isn't the queue's name: nothing was deleted.")
            raise typer.Exit(Code.WRONG)
    document = _purged(admin, queue, asked)
    if how.as_json:
        typer.echo(document.text)
        return
    answer = document.read(PurgeAnswer)
    screen().print(f"{count_of(answer.purged, 'message')} deleted from {queue}.")
    if answer.kept or answer.in_flight:
        screen().print(
            f"Still there: {count_of(answer.kept, 'message')} that somebody had already received,"
            f" {answer.in_flight:,} in flight."
        )


def _purged(admin: Admin, queue: str, asked: dict[str, Any]) -> Document:
    """The answer of the last round, with the sums of all; they share the first one's cut-off."""
    sums = {"purged": 0, "kept": 0}
    while True:
        with must_be_known("QUEUE"):
            answer = admin.post("queues", queue, "purge", body=_given(asked)).members
        sums = {name: number + answer[name] for name, number in sums.items()}
        asked = {**asked, "before": answer["before"]}
        if not answer["more"]:
            return Document.of({**answer, **sums})


def _path(queue: str | None, consumer: str | None, source: str | None, action: str) -> tuple[str, ...]:
    if (queue is None) == (source is None):
        raise typer.BadParameter("name a queue, or a source with --source", param_hint="QUEUE")
    if queue is not None:
        return ("queues", queue, action)
    if consumer is not None:
        raise typer.BadParameter("a source has no consumers", param_hint="--consumer")
    return ("sources", str(source), action)


def _change(how: How, path: tuple[str, ...], body: dict[str, str | None]) -> None:
    with must_be_known("--source" if path[0] == "sources" else "QUEUE"):
        document = how.admin().post(*path, body=_given(body), may_be_repeated=True)
    if how.as_json:
        typer.echo(document.text)
        return
    answer = document.read(PauseAnswer)
    for each in answer.changed:
        screen().print(plain(_told(each)), soft_wrap=True)
    for warning in answer.warnings:
        warn(warning, style="yellow")


def _told(change: Changed) -> str:
    who = f"{change.queue}/{change.consumer}" if change.source is None else f"The source {change.source}"
    if change.paused is None:
        return f"{who} runs{' again' if change.changed else ' already: it was not paused'}."
    since = "" if change.changed else f" already, since {local_time(change.paused.since)}"
    why = f": {change.paused.reason}" if change.paused.reason else ""
    return f"{who} is paused{since}, by {change.paused.by}{why}"


def _tell_processed(answer: ProcessAnswer) -> None:
    console = screen()
    if not answer.received and not answer.unfinished:
        warn("There was nothing to process.")
        return
    if answer.received:
        console.print(
            f"{count_of(answer.received, 'message')} received: {answer.done:,} done, {answer.failed:,} failed."
        )
    for each in answer.messages:
        style = {"done": "green", "failed": "red"}.get(each.outcome, "yellow")
        console.print(plain(f"  {each.outcome:<8}", style=style).append_text(plain(each.id)), soft_wrap=True)
    if answer.unfinished:
        warn(
            "The function took longer than anybody waits: it goes on, and what it leaves comes back to the queue."
        )


def _given(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}
