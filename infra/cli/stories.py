"""One item whole on a terminal: where it stands, every attempt that failed, the message."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec
from rich.text import Text

from headworks.errors import MissingObject, Undecodable
from headworks.ledger.layout import LONGEST_STACK
from headworks.letters import open_letter
from headworks.payload import decode_payload
from infra.cli.text import local_time, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from headworks.claim_check import ClaimCheck
    from headworks.ledger.catalogue import Story
    from headworks.ledger.ledger import Failure
    from headworks.message import Message
    from headworks.queue import Queue

INDENT = "  "
LABEL_WIDTH = 13
LONGEST_MESSAGE = 8000


def show_story(console: Console, story: Story, queue: Queue, claim_check: ClaimCheck | None) -> None:
    """Print an item.  Raises `Unavailable`."""
    listed = story.listed
    standing = str(listed.state) if listed.reason is None else f"{listed.state}: {listed.reason}"
    head = Text.assemble(plain(listed.entry.message_id, style="bold"), "  ", (standing, "bold red"))
    console.print(head, overflow="fold")
    for label, value in _facts(story):
        line = Text.assemble((f"{label:<{LABEL_WIDTH}}", "dim"), value)
        _indented(console, line)
    if not story.history and listed.error_type:
        _indented(console, plain(f"{listed.error_type}: {listed.error}", style="red"))
    for failure in story.history:
        _show_failure(console, failure)
    if story.letter is not None:
        console.print(Text("\nMessage", style="bold"))
        _indented(console, _message(story, queue, claim_check))


def _indented(console: Console, text: Text) -> None:
    """Print lines that stay indented where the terminal is too narrow for them, and that end where they end."""
    for line in text.wrap(console, max(console.width - len(INDENT), 1), overflow="fold"):
        line.rstrip()
        console.print(Text(INDENT).append_text(line), soft_wrap=True)


def _facts(story: Story) -> Iterator[tuple[str, Text]]:
    listed = story.listed
    entry = listed.entry
    yield "consumer", Text(f"{listed.address.queue}/{listed.address.consumer}")
    for label, text in (
        ("type", entry.type),
        ("source", entry.source),
        ("key", entry.key),
        ("ordering key", entry.ordering_key),
        ("tenant", entry.tenant),
    ):
        if text:
            yield label, plain(text)
    yield (
        "attempts",
        Text(
            f"{listed.attempt}, {listed.crashes} of them crashed" if listed.crashes else str(listed.attempt)
        ),
    )
    times = {
        "sent": story.letter.sent_at if story.letter else None,
        _meaning_of_time(story): listed.at,
        "lease ends": story.lease_ends,
    }
    for label, time in times.items():
        if time is not None:
            yield label, Text(local_time(time))


def _meaning_of_time(story: Story) -> str:
    return {"dead": "died", "running": "started"}.get(story.listed.state, "due")


def _show_failure(console: Console, failure: Failure) -> None:
    console.print(Text(f"\nAttempt {failure.attempt}", style="bold"))
    ran = f"{local_time(failure.at)}, after {failure.duration_ms} ms"
    by = "".join(
        f", {name} {value}"
        for name, value in (("version", failure.version), ("request", failure.request_id))
        if value
    )
    _indented(console, plain(ran + by, style="dim"))
    error = plain(f"{failure.error_type}: {failure.error}", style="red", lines=True)
    _indented(console, error)
    if failure.stack:
        _indented(console, plain(_whole_lines(failure.stack), lines=True))


def _whole_lines(stack: str) -> str:
    """A stack trace without the half line that it begins with where it was cut."""
    if len(stack) < LONGEST_STACK:
        return stack.rstrip()
    return f"...\n{stack.partition(chr(10))[2].rstrip()}"


def _message(story: Story, queue: Queue, claim_check: ClaimCheck | None) -> Text:
    assert story.letter is not None  # noqa: S101 - asked for only where there is one
    try:
        message = open_letter(claim_check, story.letter, queue)
    except (MissingObject, Undecodable) as error:
        return plain(str(error), style="yellow")
    text = message if isinstance(message, str) else _payload(message, queue)
    cut = (
        f"\n... {len(text) - LONGEST_MESSAGE:,} more characters; --json has all"
        if len(text) > LONGEST_MESSAGE
        else ""
    )
    return plain(text[:LONGEST_MESSAGE] + cut, lines=True)


def _payload(message: Message[bytes], queue: Queue) -> str:
    """The payload as a person reads it: bytes of the queue's type as what they hold, where they hold text."""
    try:
        value = msgspec.to_builtins(
            decode_payload(message.data, queue.payload, where=queue.name), builtin_types=(bytes,)
        )
    except (Undecodable, TypeError):
        value = message.data
    return json.dumps(_readable(value), indent=2, ensure_ascii=False)


def _readable(value: Any) -> Any:
    match value:
        case bytes():
            return _content(value)
        case dict():
            return {str(name): _readable(each) for name, each in value.items()}
        case list() | tuple():
            return [_readable(each) for each in value]
    return value


def _content(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return content.decode(errors="backslashreplace")
