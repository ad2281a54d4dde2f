"""What functions have logged since the last look: from CloudWatch Logs, and from the emulator itself."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from infra.local.timeline import LogEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# Lines of one millisecond may come in after later ones: each look begins a little before the last one's end.
OVERLAP_MS = 2000
# The emulator tells only its own log of functions that can't even be imported.
_OF_THE_EMULATOR = re.compile(r"\S+ \S+ (?:ERROR|WARNING) \[lambda\w*\] (?P<text>.*)")


class FunctionLogs:
    """The log groups of all functions that are deployed."""

    def __init__(self, client: Callable[[str], Any]) -> None:
        self._logs = client("logs")
        self._groups = {
            config["LoggingConfig"]["LogGroup"]: config["Handler"].partition(".")[0]
            for page in client("lambda").get_paginator("list_functions").paginate()
            for config in page["Functions"]
        }
        self._since = dict.fromkeys(self._groups, 0)
        self._told: dict[str, Counter[tuple[str, int, str]]] = {group: Counter() for group in self._groups}

    def poll(self) -> list[LogEvent]:
        """What is new."""
        return [event for group in self._groups for event in self._new_in(group)]

    def _new_in(self, group: str) -> Iterator[LogEvent]:
        told, self._told[group] = self._told[group], Counter()
        pages = self._logs.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=self._since[group]
        )
        for page in pages:
            for event in page["events"]:
                key = (event["logStreamName"], event["timestamp"], event["message"])
                self._told[group][key] += 1
                self._since[group] = max(self._since[group], event["timestamp"] - OVERLAP_MS)
                if self._told[group][key] > told[key]:
                    at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
                    yield LogEvent(at=at, function=self._groups[group], text=event["message"])


class EmulatorLog:
    """What the emulator itself says of functions."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_to = 0

    def poll(self) -> list[LogEvent]:
        """What is new, in whole lines."""
        with self._path.open("rb") as log:
            log.seek(self._read_to)
            whole, newline, _ = log.read().rpartition(b"\n")
        self._read_to += len(whole) + len(newline)
        now = datetime.now(UTC)
        return [
            LogEvent(at=now, function="emulator", text=match["text"])
            for line in whole.decode(errors="replace").splitlines()
            if (match := _OF_THE_EMULATOR.fullmatch(line))
        ]
