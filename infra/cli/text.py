"""Text of others on a terminal: whatever a message says, it is shown and never obeyed."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime, timedelta

from rich.text import Text

# Control characters, those that turn the direction of writing or have no width, halves of pairs.
_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_AGO = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def plain(text: str, *, style: str = "", lines: bool = False) -> Text:
    """Text as it is, without markup; what a terminal would act on becomes an escape.

    With `lines`, line ends stay.
    """
    return Text("".join(_shown(each, lines=lines) for each in text), style=style)


def local_time(time: datetime) -> str:
    """A time as the person at the terminal reads it."""
    return time.astimezone().strftime("%Y-%m-%d %H:%M:%S")


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
