"""What the local run shows: on a terminal with colours and a spinner, elsewhere as plain lines."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING
from zlib import crc32

from rich.text import Text

from infra.local.samples import own_samples
from infra.local.timeline import SHORT_ID, Tone
from infra.local.workspace import PROJECT
from pipeline import TOPOLOGY

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rich.console import Console

    from infra.local.outputs import Outputs
    from infra.local.timeline import Line
    from infra.local.workspace import Workspace

_STYLES = {
    Tone.PLAIN: "",
    Tone.GOOD: "green",
    Tone.CAUTION: "yellow",
    Tone.BAD: "bold red",
    Tone.ASIDE: "dim",
}
_COLOURS = ("cyan", "magenta", "blue", "bright_cyan", "bright_magenta", "bright_blue", "bright_white")
_ELAPSED_WIDTH = 9


class Screen:
    """Where the local run talks to whoever started it."""

    def __init__(self, console: Console, workspace: Workspace) -> None:
        self._console = console
        self._workspace = workspace
        self._started = time.monotonic()
        self._processed = False

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Show that something is being done, then how long it took."""
        started = time.monotonic()
        with self._console.status(f"{what} ..."):
            yield
        self.say(f"{what}: {time.monotonic() - started:.1f} s")

    def summary(self, outputs: Outputs) -> None:
        """What is up, and what to do with it."""
        self.say("")
        self.say("The pipeline is up.", style="bold")
        for label, value in {
            "endpoint": outputs.endpoint,
            "sources": "  ".join(source.path for source in outputs.sources.values()),
            "inbox": f"{outputs.inbox_url}/deliveries lists what arrived",
            "outputs": f"{_from_here(self._workspace.outputs)} has addresses and secrets",
            "logs": _from_here(self._workspace.emulator_log),
            "send": f".venv/bin/headworks send {_example()}",
            "fail": f"""curl -X PUT {outputs.inbox_url}/behaviour -d '{{"statuses": [500, 500, 200]}}'""",
        }.items():
            self._print(Text.assemble((f"  {label:<9}", "bold"), value))
        self.say("Ctrl-C stops it.")
        self.say("")

    def line(self, line: Line) -> None:
        """One line of the timeline."""
        colour = _COLOURS[crc32(line.short_id.encode()) % len(_COLOURS)] if line.message_id else ""
        elapsed = "" if line.elapsed_seconds is None else f"+{line.elapsed_seconds:.2f} s"
        at = line.at.astimezone().strftime("%H:%M:%S.%f")[:-3]
        self._print(
            Text.assemble(
                (at, "dim"),
                "  ",
                (f"{line.short_id:<{SHORT_ID}}", colour),
                "  ",
                (f"{elapsed:>{_ELAPSED_WIDTH}}", "dim"),
                "  ",
                (line.text, _STYLES[line.tone]),
            )
        )
        if line.is_effect and not self._processed:
            self._processed = True
            self.say(
                f"The first event was processed {time.monotonic() - self._started:.1f} s after the start."
            )

    def trouble(self, what: str) -> None:
        """Something that the user should know of, and that doesn't end the run."""
        self.say(what, style="bold red")

    def say(self, what: str, *, style: str = "") -> None:
        """One plain line."""
        self._print(Text(what, style=style))

    def _print(self, text: Text) -> None:
        # One line stays one line, however narrow the terminal: it may be read by `grep`.
        self._console.print(text, soft_wrap=True, highlight=False)


def _example() -> str:
    """What to give `headworks send`."""
    samples = sorted(own_samples(), key=lambda sample: TOPOLOGY.sources.index(sample.source))
    return f"{samples[0].source.name} {samples[0].path.relative_to(PROJECT)}" if samples else "SOURCE FILE"


def _from_here(path: Path) -> str:
    return str(path.relative_to(PROJECT) if path.is_relative_to(PROJECT) else path)
