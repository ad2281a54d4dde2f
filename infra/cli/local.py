"""What works with the local run: `headworks dev`, `headworks send`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from infra.cli.target import Directory
from infra.local.outputs import read_outputs
from infra.local.samples import Answer, known_source, read_sample
from infra.local.samples import send as send_sample
from infra.local.screen import Screen
from infra.local.workspace import HOME, Workspace


def dev(
    samples: Annotated[bool, typer.Option(help="Send the sample events once it is up.")] = True,
    directory: Directory = HOME,
    redis: Annotated[bool, typer.Option(help="Start a Redis too; without, its queues go over SQS.")] = True,
    with_parent: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Run the pipeline on this machine and show what happens in it, until Ctrl-C."""
    # Imported here: only this command waits for what it needs.
    from infra.local.run import dev as run_dev

    workspace = Workspace(directory.resolve())
    screen = Screen(Console(), workspace)
    run_dev(workspace, screen, samples=samples, with_redis=redis, with_parent=with_parent)


def send(
    source: Annotated[str, typer.Argument(help="Who sends it: stripe, github, ...")],
    file: Annotated[Path, typer.Argument(help="A sample of events/receive_webhook/.")],
    times: Annotated[int, typer.Option(min=1, help="How often.")] = 1,
    same_id: Annotated[
        bool, typer.Option(help="With the id in the file: the second one is a repeat.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    directory: Directory = HOME,
) -> None:
    """Sign a sample event as its provider would, and send it to the pipeline that `make dev` runs."""
    sample = read_sample(file, known_source(source))
    outputs = read_outputs(Workspace(directory.resolve()).outputs)
    refused = 0
    for _ in range(times):
        answer = send_sample(sample if same_id else sample.renewed(), outputs)
        typer.echo(msgspec.json.encode(answer) if as_json else _told(answer))
        refused += not answer.is_success
    if refused:
        raise typer.Exit(1)


def _told(answer: Answer) -> str:
    return f"{answer.status}  {answer.event_id}  {msgspec.json.encode(answer.answer).decode()}  {answer.duration_ms} ms"
