"""Text of others on a terminal: whatever a message says, it is shown and never obeyed."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rich.text import Text

from headworks.queue import KEPT_BACK

if TYPE_CHECKING:
    from rich.console import Console

INDENT = 2
# Control characters, those that turn the direction of writing or have no width, halves of pairs.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_AGO = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def plain(text: str, *, style: str = "", lines: bool = False) -> Text:
    """Text as it is, without markup; what a terminal would act on becomes an escape.

    With `lines`, line ends stay.
    """
    return Text("".join(_shown(each, lines=lines) for each in text), style=style)


def indented(console: Console, text: Text, *, by: int = INDENT, first: Text | None = None) -> None:
    """Print lines that stay indented where the terminal is too narrow for them, and that end where they end.

    `first` stands before the first of them, instead of the indentation.
    """
    for line in text.wrap(console, max(console.width - by, 1), overflow="fold"):
        line.rstrip()
        console.print((first or Text(" " * by)).append_text(line), soft_wrap=True)
        first = None


def labelled(console: Console, label: str, value: Text, *, width: int) -> None:
    """Print what a thing is called, and what it is."""
    first = Text.assemble(" " * INDENT, (f"{label:<{width}}", "dim"))
    indented(console, value, by=INDENT + width, first=first)


def local_time(time: datetime) -> str:
    """A time as the person at the terminal reads it."""
    return time.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def due_time(time: datetime) -> str:
    """A time as `local_time` tells it; what a paused source sent is due when nobody waits for it, and says so."""
    return "kept back" if time > datetime.now(UTC) + KEPT_BACK / 2 else local_time(time)


def read_time(text: str, now: datetime) -> datetime:
    """A time: `90s`, `30m`, `2h` or `7d` ago, or by ISO 8601 (local unless it says otherwise).  Raises `ValueError`."""
    if ago := _AGO.fullmatch(text):
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    return datetime.fromisoformat(text).astimezone(UTC)


def _shown(character: str, *, lines: bool) -> str:
    if character == "\t":
        return "    "
    if (character == "\n" and lines) or unicodedata.category(character) not in _UNSAFE:
        return character
    return character.encode("unicode_escape", "surrogatepass").decode()
