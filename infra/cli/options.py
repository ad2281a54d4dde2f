"""Options that commands share: a parameter that is one of these classes becomes an option for each field."""

from __future__ import annotations

import inspect
import shlex
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from headworks.ledger.catalogue import MOST_LISTED
from headworks.outcome import Fault, Reason
from infra.cli.target import Directory, Profile, Region, find_admin
from infra.cli.text import read_time
from infra.local.workspace import HOME
from pipeline import TOPOLOGY

if TYPE_CHECKING:
    from collections.abc import Callable

    from infra.cli.admin import Admin


def complete_queue(incomplete: str) -> list[str]:
    """The queues of this pipeline, for the shell."""
    return [queue.name for queue in TOPOLOGY.queues if queue.name.startswith(incomplete)]


def complete_consumer(incomplete: str) -> list[str]:
    """The consumers of this pipeline, for the shell."""
    names = {name for queue in TOPOLOGY.queues for name in queue.consumers}
    return sorted(name for name in names if name.startswith(incomplete))


def complete_source(incomplete: str) -> list[str]:
    """The sources of this pipeline, for the shell."""
    return [source.name for source in TOPOLOGY.sources if source.name.startswith(incomplete)]


QueueArgument = Annotated[
    str, typer.Argument(metavar="QUEUE", help="The queue's name.", autocompletion=complete_queue)
]
QueueOption = Annotated[
    str | None,
    typer.Option("--queue", help="Of this queue only.", autocompletion=complete_queue),
]
ConsumerOption = Annotated[
    str | None,
    typer.Option("--consumer", help="Of this consumer only.", autocompletion=complete_consumer),
]
Because = Annotated[str | None, typer.Option("--because", help="Why: it goes on record.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Without asking.")]


@dataclass(frozen=True, kw_only=True)
class How:
    """Which pipeline is meant, and how it is told."""

    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON document, as docs/admin_api.md has it.")
    ] = False
    directory: Directory = HOME
    profile: Profile = None
    region: Region = None

    @property
    def again(self) -> str:
        """What a command that speaks to the same pipeline has behind it."""
        given = {"--directory": self.directory, "--profile": self.profile, "--region": self.region}
        return "".join(
            f" {option} {shlex.quote(str(value))}"
            for option, value in given.items()
            if value not in (None, HOME)
        )

    def admin(self) -> Admin:
        """The admin API of that pipeline.  Raises `NotRunning`, `NotDeployed`."""
        return find_admin(self.directory, self.profile, self.region)


@dataclass(frozen=True, kw_only=True)
class Where:
    """Which consumers' messages."""

    queue: QueueOption = None
    consumer: ConsumerOption = None

    @property
    def of_consumer(self) -> dict[str, str | None]:
        """The consumer, as queries have it."""
        return {"consumer": self.consumer}

    @property
    def path(self) -> tuple[str, ...]:
        """Where their messages are, in the API."""
        return ("messages",) if self.queue is None else ("queues", self.queue, "messages")


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Which messages: those that all of it is true of."""

    error: Annotated[str | None, typer.Option(help="With this text in the last error.")] = None
    error_type: Annotated[str | None, typer.Option(help="With this type of error: TimeoutError.")] = None
    type: Annotated[str | None, typer.Option(help="Messages of this type.")] = None
    source: Annotated[str | None, typer.Option(help="From this source.")] = None
    tenant: Annotated[str | None, typer.Option(help="Of this tenant.")] = None
    key: Annotated[str | None, typer.Option(help="With this idempotency key.")] = None
    ordering_key: Annotated[str | None, typer.Option(help="Of this ordering key.")] = None
    since: Annotated[str | None, typer.Option(help="From then on: 30m, 2h, 7d, 2026-01-31T08:00.")] = None
    until: Annotated[str | None, typer.Option(help="Before then; as with --since.")] = None

    @property
    def members(self) -> dict[str, Any]:
        """What was given, by the API's names."""
        given = {
            "error": self.error,
            "errorType": self.error_type,
            "type": self.type,
            "source": self.source,
            "tenant": self.tenant,
            "key": self.key,
            "orderingKey": self.ordering_key,
            "since": read_option("--since", self.since),
            "until": read_option("--until", self.until),
        }
        return {name: value for name, value in given.items() if value is not None}

    @property
    def query(self) -> dict[str, Any]:
        """The same as a query of a list has it."""
        return self.members


class Whose(StrEnum):
    """Whose fault it is that a message is dead."""

    PIPELINE = Fault.PIPELINE
    ENDPOINT = Fault.ENDPOINT


@dataclass(frozen=True, kw_only=True)
class ChosenDead(Chosen):
    """Which dead letters: those that all of it is true of."""

    reasons: Annotated[
        list[Reason] | None, typer.Option("--reason", help="Dead for this reason; may be repeated.")
    ] = None
    whose: Annotated[
        Whose | None, typer.Option("--class", help="Whose fault: our pipeline's, or an endpoint's.")
    ] = None

    @property
    def members(self) -> dict[str, Any]:
        """What was given, by the API's names for a filter."""
        given = dict(super().members)
        if self.reasons:
            given["reasons"] = [str(each) for each in self.reasons]
        if self.whose is not None:
            given["class"] = str(self.whose)
        return given

    @property
    def query(self) -> dict[str, Any]:
        """The same as a query of a list has it."""
        given = self.members
        return {("reason" if name == "reasons" else name): value for name, value in given.items()}


@dataclass(frozen=True, kw_only=True)
class Paged:
    """How much of a list, and from where."""

    limit: Annotated[int, typer.Option(min=1, max=MOST_LISTED, help="How many at most.")] = 50
    cursor: Annotated[str | None, typer.Option(help="From where the last page ended.")] = None


def read_option(option: str, text: str | None) -> str | None:
    """A time that was given, as the API takes it; a wrong one is a wrong option."""
    if text is None:
        return None
    try:
        return read_time(text, datetime.now(UTC)).isoformat()
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter("30m, 2h, 7d or 2026-01-31T08:00", param_hint=option) from error


def gathers(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command take its options in classes: typer sees an option for each field."""
    hints = get_type_hints(command, include_extras=True)
    hints.pop("return", None)
    gathered: dict[str, Any] = {name: hint for name, hint in hints.items() if is_dataclass(hint)}
    parameters = []
    for name, parameter in inspect.signature(command).parameters.items():
        if name in gathered:
            parameters += _options(gathered[name])
        else:
            parameters.append(parameter.replace(annotation=hints[name], kind=parameter.KEYWORD_ONLY))

    @wraps(command)
    def run(**given: Any) -> None:
        for name, type_ in gathered.items():
            given[name] = type_(**{field.name: given.pop(field.name) for field in fields(type_)})
        command(**given)

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what typer reads
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _options(type_: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(type_, include_extras=True)
    return [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in fields(type_)
    ]
