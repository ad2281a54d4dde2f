"""One item whole on a terminal: where it stands, every attempt that failed, the message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from headworks.ledger.layout import LONGEST_STACK
from infra.cli.payloads import shown_message
from infra.cli.text import due_time, indented, labelled, local_time, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from infra.cli.answers import Failure, Found, FullItem, Received

LABEL_WIDTH = 13
# What its state alone would claim too much of.
_TOLD = {"accepted": "accepted: queued, being processed, or done"}
_STYLES = {"completed": "bold green", "dead": "bold red", "replaying": "bold red"}


def show_found(console: Console, found: Found) -> None:
    """Print everything that is known of a name: how it came in, and where it stands with each consumer."""
    for received in found.received:
        _show_received(console, received)
    for item in found.items:
        console.print()
        _show_standing(console, item)
        for failure in item.history:
            when = f"attempt {failure.attempt}, {local_time(failure.at)}: "
            told = Text.assemble((when, "dim"), plain(_error(failure), style="red"))
            indented(console, told)


def show_story(console: Console, item: FullItem) -> None:
    """Print an item with its attempts, their stack traces, and its message."""
    _show_standing(console, item)
    for failure in item.history:
        _show_failure(console, failure)
    for title, message in (("Message", item.message), ("Message as it was before", item.original)):
        if message is not None:
            console.print(Text(f"\n{title}", style="bold"))
            indented(console, shown_message(message, item.queue))


def _show_received(console: Console, received: Received) -> None:
    console.print(
        Text.assemble(plain(received.id, style="bold"), "  ", ("received", "bold")), overflow="fold"
    )
    _facts_of(
        console,
        (
            ("queue", received.queue),
            ("type", received.type),
            ("source", received.source),
            ("key", received.key),
            ("accepted", local_time(received.accepted_at)),
            ("repeats", f"are duplicates until {local_time(received.repeats_until)}"),
            ("window", f"{received.window + 1}: the key was used before" if received.window else None),
        ),
    )


def _show_standing(console: Console, item: FullItem) -> None:
    told = _TOLD.get(item.state, item.state)
    standing = told if item.reason is None or item.state != "dead" else f"{told}: {item.reason}"
    style = _STYLES.get(item.state, "bold yellow")
    console.print(
        Text.assemble(plain(item.id, style="bold"), "  ", plain(standing, style=style)), overflow="fold"
    )
    _facts_of(console, _facts(item))
    if not item.history and item.error_type:
        indented(console, plain(f"{item.error_type}: {item.error}", style="red"))


def _facts(item: FullItem) -> Iterator[tuple[str, str | None]]:
    yield "consumer", f"{item.queue}/{item.consumer}"
    yield "type", item.type
    yield "source", item.source
    yield "key", item.key
    yield "ordering key", item.ordering_key
    yield "tenant", item.tenant
    crashed = f", {item.crashes} of them crashed" if item.crashes else ""
    # Redis doesn't keep how many there were of these.
    is_known = item.attempt or item.state not in ("accepted", "completed")
    yield "attempts", f"{item.attempt}{crashed}" if is_known else None
    yield "whose fault", item.fault
    for label, time in (
        ("sent", item.sent_at),
        ({"dead": "died", "replaying": "died", "running": "started"}.get(item.state, "due"), item.at),
        ("lease ends", item.lease_ends),
    ):
        yield label, due_time(time) if time else None
    for each in item.replayed:
        why = "".join((" again" if each.again else "", f": {each.reason}" if each.reason else ""))
        yield "replayed", f"{local_time(each.at)} by {each.by}{why} ({each.replay})"
    if item.edited is not None:
        yield "edited", f"{local_time(item.edited.at)} by {item.edited.by}"


def _facts_of(
    console: Console, facts: Iterator[tuple[str, str | None]] | tuple[tuple[str, str | None], ...]
) -> None:
    for label, value in facts:
        if value:
            labelled(console, label, plain(value), width=LABEL_WIDTH)


def _show_failure(console: Console, failure: Failure) -> None:
    console.print(Text(f"\nAttempt {failure.attempt}", style="bold"))
    ran = f"{local_time(failure.at)}, after {failure.duration_ms:g} ms"
    by = "".join(
        f", {name} {value}"
        for name, value in (("version", failure.version), ("request", failure.request_id))
        if value
    )
    indented(console, plain(ran + by, style="dim"))
    indented(console, plain(_error(failure), style="red", lines=True))
    if failure.stack:
        indented(console, plain(_whole_lines(failure.stack), lines=True))


def _error(failure: Failure) -> str:
    return f"{failure.error_type}: {failure.error}"


def _whole_lines(stack: str) -> str:
    """A stack trace without the half line that it begins with where it was cut."""
    if len(stack) < LONGEST_STACK:
        return stack.rstrip()
    return f"...\n{stack.partition(chr(10))[2].rstrip()}"
