"""Queues on Redis beside one another and beside the server's own limit: `make bench-redis`.

Everybody sends messages of the same size and handles them with a handler that does nothing, and
in each round all take their turns, so that a neighbour on the machine slows all of them alike.
Peers are installed in environments of their own; who can't be is named in the report.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.redis_contest import raw
from tests.benchmarks.redis_contest.chart import as_svg
from tests.benchmarks.redis_contest.contestants import HEADWORKS, named
from tests.benchmarks.redis_contest.environments import NotInstalled, environment
from tests.benchmarks.redis_contest.figures import CLUSTERED, PLAIN, RAW, REDIS_7, WITH_AOF, Figures
from tests.benchmarks.redis_contest.playing import Failed, Seat
from tests.benchmarks.redis_contest.report import as_json, as_markdown
from tests.benchmarks.redis_contest.stages import measure
from tests.support.valkey import NotThere, Server, running

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.benchmarks.redis_contest.contestants import Contestant
    from tests.benchmarks.redis_contest.environments import Environment

BUILD = Path("build/benchmarks")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """A server and how it is run; only what is ours is measured where peers can't follow."""

    name: str
    server: str = "valkey-9"
    options: tuple[str, ...] = ()
    is_clustered: bool = False
    has_peers: bool = True


SETTINGS = (
    Setting(name=PLAIN),
    Setting(name=WITH_AOF, options=("--appendonly", "yes", "--appendfsync", "everysec")),
    # The same server twice: what a cluster and TLS cost.
    Setting(name=REDIS_7, server="redis-7", has_peers=False),
    Setting(name=CLUSTERED, server="redis-7", is_clustered=True, has_peers=False),
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, and write a table, every value and a chart; fail if a goal that could be judged is missed."""
    parser = argparse.ArgumentParser(prog="redis_contest", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1.0, help="how many messages, beside the usual number")
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="these contestants alone")
    parser.add_argument(
        "--settings", nargs="*", default=[s.name for s in SETTINGS], metavar="NAME", help="these alone"
    )
    parser.add_argument("--build", type=Path, default=BUILD, help="where it is all written")
    chosen = parser.parse_args(arguments)
    figures = Figures()
    players = _players(named(chosen.only), chosen.build / "peers", figures)
    settings = [each for each in SETTINGS if each.name in chosen.settings]
    chosen.build.mkdir(parents=True, exist_ok=True)
    for number in _rounds(players, settings, figures, rounds=chosen.rounds, scale=chosen.scale):
        # At once: who stops it has what there is.
        (chosen.build / "redis.md").write_text(as_markdown(figures, number))
        (chosen.build / "redis.json").write_text(json.dumps(as_json(figures, number), indent=2) + "\n")
        (chosen.build / "redis.svg").write_text(as_svg(figures))
    print(as_markdown(figures, chosen.rounds))
    print(f"In {chosen.build}: redis.md, redis.json, redis.svg")
    sys.exit(not all(goal.is_met for goal in figures.goals()))


def _players(
    contestants: Sequence[Contestant], root: Path, figures: Figures
) -> list[tuple[Contestant, Environment]]:
    players = []
    for contestant in contestants:
        try:
            players.append((contestant, environment(contestant, root.absolute())))
        except NotInstalled as why:
            figures.troubles[contestant.name] = f"can't be installed here: {why}"
    return players


def _rounds(
    players: Sequence[tuple[Contestant, Environment]],
    settings: Sequence[Setting],
    figures: Figures,
    *,
    rounds: int,
    scale: float,
) -> Iterator[int]:
    """Play them; after each, its number."""
    with ExitStack() as stack:
        stages = []
        for setting in settings:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            try:
                server = stack.enter_context(
                    running(setting.server, directory, *setting.options, clustered=setting.is_clustered)
                )
            except NotThere as why:
                figures.troubles[setting.name] = str(why)
                continue
            stages.append((setting, server))
        for number in range(rounds):
            for setting, server in stages:
                figures.loads.append(os.getloadavg()[0])
                print(f"round {number + 1}, {setting.name}", file=sys.stderr)
                _play_round(players, setting, server, figures, scale)
            yield number + 1


def _play_round(
    players: Sequence[tuple[Contestant, Environment]],
    setting: Setting,
    server: Server,
    figures: Figures,
    scale: float,
) -> None:
    limit = raw.xadd(server, clustered=setting.is_clustered, scale=scale)
    figures.add(setting.name, RAW, "xadd", limit)
    for contestant, where in players:
        if contestant is not HEADWORKS and not setting.has_peers:
            continue
        seat = Seat(
            contestant=contestant,
            environment=where,
            server=server,
            is_clustered=setting.is_clustered,
            directory=server.directory,
        )
        try:
            for name, value in measure(seat, scale=scale):
                figures.add(setting.name, contestant.name, name, value)
        except Failed as why:
            figures.troubles[f"{contestant.name}, {setting.name}"] = str(why)


if __name__ == "__main__":
    main()
