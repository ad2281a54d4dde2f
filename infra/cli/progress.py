"""Carrying a replay on while somebody looks on: it is driven by one thread and watched by another."""

from __future__ import annotations

from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from infra.cli.admin import AdminError, NoAnswer, Refused
from infra.cli.answers import Replay
from infra.cli.asking import Code, must_be_known, warn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from rich.progress import Task

    from infra.cli.admin import Admin, Document

LOOK_SECONDS = 0.5
# A request may be lost on its way: the replay goes on without it, and the next one finds it.
MOST_LOST = 3
_TROUBLE = frozenset({429, 500, 503})


def carried(
    admin: Admin,
    queue: str,
    request: Mapping[str, Any],
    *,
    over: int,
    again: str,
    every: float = LOOK_SECONDS,
) -> Document:
    """Carry a replay on to its end, with a progress bar on a terminal; answers how it ended.

    `over` is what it had done before.  Ctrl-C leaves it to the pipeline.  Raises `AdminError`.
    """
    console = Console(stderr=True, highlight=False)
    total = _expected(admin, queue, request, over) if console.is_terminal else None
    driver = _Driver(admin, queue, request)
    with must_be_known("--queue"):
        try:
            with bar(console, total) as told:
                driver.start()
                while not wait([driver.ended], timeout=every).done:
                    _look(admin, request["id"], told)
                told(driver.ended.result().read(Replay))
                return driver.ended.result()
        except KeyboardInterrupt:
            _tell_how_to_go_on(request["id"], again)
            raise typer.Exit(Code.INTERRUPTED) from None
        except AdminError as error:
            if _is_trouble(error):
                _tell_how_to_go_on(request["id"], again)
            raise


def dry_run_of(admin: Admin, queue: str, request: Mapping[str, Any]) -> Document:
    """What a replay would do."""
    asked = {name: value for name, value in request.items() if name != "id"}
    return admin.post("queues", queue, "replays", body={**asked, "dryRun": True}, may_be_repeated=True)


def watched(admin: Admin, id_: str) -> Document:
    """Look at a replay that somebody else carries on, until it has ended or Ctrl-C."""
    console = Console(stderr=True, highlight=False)
    document = admin.get("replays", id_)
    with bar(console, document.read(Replay).selected) as told:
        try:
            while (replay := document.read(Replay)).goes_on:
                told(replay)
                admin.pause(LOOK_SECONDS)
                document = admin.get("replays", id_)
            told(replay)
        except KeyboardInterrupt:
            pass  # whoever looks away has seen how it stands
    return document


@contextmanager
def bar(console: Console, total: int | None) -> Iterator[Callable[[Replay], None]]:
    """A progress bar, on a terminal; gives whom to tell how a replay stands."""
    columns = (
        SpinnerColumn(),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[told]}", markup=False),
        _Rate(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, expand=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=total, told="starting")

        def told(replay: Replay) -> None:
            over = replay.sent + replay.skipped.total
            of = f" of {max(total, over):,}" if total is not None else ""
            failed = f", {replay.failed_again:,} failed again" if replay.failed_again else ""
            is_wrong = total is not None and over > total
            progress.update(
                task,
                completed=over,
                total=over if is_wrong or not replay.goes_on else total,
                told=f"{over:,}{of}{failed}",
            )

        yield told


class _Rate(ProgressColumn):
    """Messages a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "", style="dim")


@dataclass(eq=False)
class _Driver(Thread):
    """Asks for the replay again and again until it has ended: each request carries it on."""

    admin: Admin
    queue: str
    request: Mapping[str, Any]
    ended: Future[Document] = field(default_factory=Future)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def run(self) -> None:
        try:
            self.ended.set_result(self._driven())
        except AdminError as error:
            self.ended.set_exception(error)

    def _driven(self) -> Document:
        lost = 0
        while True:
            try:
                document = self.admin.post(
                    "queues", self.queue, "replays", body=self.request, may_be_repeated=True
                )
            except AdminError as error:
                lost += 1
                if lost > MOST_LOST or not _is_trouble(error):
                    raise
                self.admin.pause(LOOK_SECONDS)
                continue
            lost = 0
            if not document.read(Replay).goes_on:
                return document
            # It answers at once where somebody else is at work on it: whoever asked before, until their time is over.
            self.admin.pause(LOOK_SECONDS)


def _look(admin: Admin, id_: str, told: Callable[[Replay], None]) -> None:
    try:
        told(admin.get("replays", id_).read(Replay))
    except (NoAnswer, Refused):
        return  # not written down yet, or no answer this time: the next look is soon


def _expected(admin: Admin, queue: str, request: Mapping[str, Any], over: int) -> int | None:
    """How many messages it is about, for the bar."""
    try:
        counted = dry_run_of(admin, queue, request).read(Replay)
    except AdminError as error:
        if _is_trouble(error):
            return None
        raise
    if counted.selected is None:
        return None
    total = counted.selected + over
    return total if counted.first is None else min(total, counted.first)


def _is_trouble(error: AdminError) -> bool:
    """Whether the request may have been right, and the replay goes on."""
    return not isinstance(error, Refused) or error.status in _TROUBLE


def _tell_how_to_go_on(id_: str, again: str) -> None:
    warn(
        f"\nThe replay {id_} goes on in the background.\n"
        f"Watch it: headworks replays show {id_} --watch{again}\n"
        f"Stop it:  headworks replays stop {id_}{again}"
    )
