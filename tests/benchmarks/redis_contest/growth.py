"""Whether a message costs the server more where more of them are queued, and whether it gets its memory back.

    python -m tests.benchmarks.redis_contest.growth [--messages N ...] [--keys N]

What is measured is the server's own CPU time, which a neighbour on the machine disturbs little.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.redis_contest.contestants import HEADWORKS
from tests.benchmarks.redis_contest.environments import environment
from tests.benchmarks.redis_contest.playing import Seat
from tests.benchmarks.redis_contest.report import table
from tests.benchmarks.redis_contest.stages import until_nothing_is_left
from tests.support.patience import until
from tests.support.valkey import ask, running

if TYPE_CHECKING:
    from collections.abc import Sequence

BUILD = Path("build/benchmarks")
SIZES = (1_000, 10_000, 100_000, 1_000_000)
KEYS = 100_000
FORGOTTEN_WITHIN_SECONDS = 180
IDLE_SECONDS = 3
WARM_UP = 100
SENT_BY_WORKERS = ("xreadgroup", "evalsha", "eval", "auth", "ping")


@dataclass(frozen=True, kw_only=True)
class Growth:
    """A queue of so many messages, in the order of so many keys if there are any."""

    messages: int
    keys: int
    microseconds_in: float
    microseconds_out: float
    bytes_a_message: float
    bytes_left: int


def grow(seat: Seat, messages: int, keys: int = 0, *, window: float) -> Growth:
    """Fill an empty server, empty the queue, and let the server forget what it accepted."""
    seat.clear()
    options = {"ordering_keys": keys, "window": window}
    empty, began = seat.used_bytes(), cpu_seconds(seat)
    seat.send("batch", messages, **options)
    full, filled = seat.used_bytes(), cpu_seconds(seat)
    with seat.worker(messages, **options) as worker:
        worker.until_it_is_done()
        until_nothing_is_left(seat)
        drained = cpu_seconds(seat)
    until(
        lambda: ask(seat.server.administrator, "DBSIZE") < 10,
        what="what was accepted is forgotten",
        seconds=FORGOTTEN_WITHIN_SECONDS,
    )
    return Growth(
        messages=messages,
        keys=keys,
        microseconds_in=(filled - began) / messages * 1e6,
        microseconds_out=(drained - filled) / messages * 1e6,
        bytes_a_message=(full - empty) / messages,
        bytes_left=seat.used_bytes() - empty,
    )


def cpu_seconds(seat: Seat) -> float:
    """What the server has used."""
    told = ask(seat.server.administrator, "INFO", "cpu").decode()
    return sum(float(told.split(f"{name}:")[1].split()[0]) for name in ("used_cpu_user", "used_cpu_sys"))


def idle_commands(seat: Seat) -> float:
    """Commands a second that a worker sends that has nothing to do."""
    seat.clear()
    with seat.worker(2) as worker:
        seat.send("single", 1)
        worker.until_it_began()
        first = _commands(seat)
        time.sleep(IDLE_SECONDS)
        return (_commands(seat) - first) / IDLE_SECONDS


def _commands(seat: Seat) -> int:
    """What workers have sent.  What a script does inside the server is counted nowhere apart, so these go by name."""
    told = ask(seat.server.administrator, "INFO", "commandstats").decode()
    counted = re.findall(r"cmdstat_(\w+):calls=(\d+)", told)
    return sum(int(calls) for name, calls in counted if name in SENT_BY_WORKERS)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write a table."""
    parser = argparse.ArgumentParser(prog="growth", description=__doc__)
    parser.add_argument("--messages", type=int, nargs="*", default=SIZES)
    parser.add_argument("--keys", type=int, default=KEYS, help="so many messages of a key each, too")
    parser.add_argument("--window", type=float, default=5, help="seconds that what is accepted is remembered")
    parser.add_argument("--build", type=Path, default=BUILD, help="where it is written")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name, running("valkey-9", Path(name)) as server:
        seat = Seat(
            contestant=HEADWORKS,
            environment=environment(HEADWORKS, chosen.build),
            server=server,
            is_clustered=False,
            directory=Path(name),
        )
        # What the server keeps of its first client and of the scripts is no message's.
        grow(seat, WARM_UP, window=chosen.window)
        found = [grow(seat, messages, window=chosen.window) for messages in chosen.messages]
        found.append(grow(seat, chosen.keys, chosen.keys, window=chosen.window))
        idle = idle_commands(seat)
    chosen.build.mkdir(parents=True, exist_ok=True)
    told = {"growth": [asdict(each) for each in found], "idle_commands_a_second": idle}
    (chosen.build / "redis-growth.json").write_text(json.dumps(told, indent=2) + "\n")
    print(_as_markdown(found))
    print(f"\nAn idle worker sends {idle:.1f} commands a second.")


def _as_markdown(found: Sequence[Growth]) -> str:
    titles = ("queued", "keys", "us a message in", "us a message out", "bytes a message", "bytes left")
    rows = [
        (
            f"{each.messages:,}",
            f"{each.keys:,}" if each.keys else "-",
            f"{each.microseconds_in:.1f}",
            f"{each.microseconds_out:.1f}",
            f"{each.bytes_a_message:,.0f}",
            f"{each.bytes_left:,}",
        )
        for each in found
    ]
    return table(titles, rows)


if __name__ == "__main__":
    main()
