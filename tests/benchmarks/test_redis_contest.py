"""The contest on Redis runs and says what it is asked for.  How fast anybody is, it says itself: no test depends on that."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from headworks.brokers.redis.address import Address
from infra.local.workspace import PROJECT
from tests.benchmarks.redis_contest.chart import as_svg
from tests.benchmarks.redis_contest.contestants import HEADWORKS, OURS, PEERS, named
from tests.benchmarks.redis_contest.environments import NotInstalled, environment
from tests.benchmarks.redis_contest.figures import CLUSTERED, PLAIN, RAW, REDIS_7, Figures
from tests.benchmarks.redis_contest.playing import Failed, Seat
from tests.benchmarks.redis_contest.report import as_markdown
from tests.support.valkey import Server


def test_the_contest_measures_everything_of_ours_beside_the_raw_limit(tmp_path):
    # Its exit code says whether the goals were met, which one short round can't tell.
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.benchmarks.redis_contest", "--rounds", "1", "--scale", "0.02"),
            *("--only", "headworks", "--settings", "plain", "--build", tmp_path),
        ],
        cwd=PROJECT,
        check=False,
        capture_output=True,
    )

    assert (tmp_path / "redis.json").exists(), done.stderr.decode()
    told = json.loads((tmp_path / "redis.json").read_text())
    assert told["troubles"] == {}
    ours = told["medians"]["plain"][OURS]
    assert ours.keys() == {
        *("single", "together", "ready", "batch", "bytes", "drain", "p50", "p99"),
        *(f"{way}, {keys}" for way in ("batch", "drain") for keys in ("1 key", "100 keys", "10,000 keys")),
    }
    assert all(value > 0 for value in ours.values())
    assert told["medians"]["plain"][RAW]["xadd"] > 0
    assert "| headworks |" in (tmp_path / "redis.md").read_text()


def test_growth_is_told_for_each_size_and_for_ordering_keys(tmp_path):
    subprocess.run(
        [
            *(sys.executable, "-m", "tests.benchmarks.redis_contest.growth", "--messages", "500"),
            *("--keys", "200", "--window", "0.2", "--build", tmp_path),
        ],
        cwd=PROJECT,
        check=True,
        capture_output=True,
    )

    told = json.loads((tmp_path / "redis-growth.json").read_text())
    assert [(each["messages"], each["keys"]) for each in told["growth"]] == [(500, 0), (200, 200)]
    assert all(each["microseconds_in"] > 0 and each["microseconds_out"] > 0 for each in told["growth"])
    assert 0 < told["idle_commands_a_second"] < 5


def test_each_goal_compares_ours_with_the_best_peer_of_the_same_setting():
    figures = Figures()
    for name, drain, p99 in ((OURS, 100_000, 0.5), ("BlitzQ", 20_000, 2.0), ("BullMQ", 4_000, 1.0)):
        figures.add(PLAIN, name, "drain", drain)
        figures.add(PLAIN, name, "p99", p99)
    figures.add(PLAIN, RAW, "xadd", 2_000_000)
    figures.add(REDIS_7, OURS, "drain", 100_000)
    figures.add(CLUSTERED, OURS, "drain", 70_000)

    reached = {goal.claim: (goal.reached, goal.is_met) for goal in figures.goals()}

    assert reached == {
        "drained, beside the best peer (best: BlitzQ)": (5.0, True),
        "p99 at 200 a second, the best peer's beside ours (best: BullMQ)": (2.0, True),
        "drained, beside raw XADD": (0.05, False),
        "drained, cluster and TLS beside plain": (0.7, True),
    }


def test_the_median_of_the_rounds_counts():
    figures = Figures()
    for value in (1, 9, 2):
        figures.add(PLAIN, OURS, "drain", value)

    assert figures.of(PLAIN, OURS, "drain") == 2


def test_who_could_not_take_part_is_named_with_the_reason():
    figures = Figures()
    figures.add(PLAIN, OURS, "drain", 1)
    figures.troubles["Celery"] = "can't be installed here: no such package"

    report = as_markdown(figures, rounds=1)

    assert "| Celery | can't be installed here: no such package |" in report


def test_a_package_that_is_nowhere_is_said(tmp_path, monkeypatch):
    [peer, *_] = [each for each in PEERS if each.runtime == "python"]
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("tests.benchmarks.redis_contest.environments.PROJECT", tmp_path)

    with pytest.raises(NotInstalled, match="uv"):
        environment(peer, tmp_path)


@pytest.mark.parametrize(
    ("program", "why"), [("gone.py", "gone.py"), ("measured.py", "headworks batch: ")], ids=["gone", "silent"]
)
def test_a_program_that_measures_nothing_is_said_with_its_last_words(tmp_path, program, why):
    nowhere = Address(host="127.0.0.1", port=1)
    seat = Seat(
        contestant=replace(HEADWORKS, program=program),
        environment=environment(HEADWORKS, tmp_path),
        server=Server(address=nowhere, administrator=nowhere, directory=tmp_path),
        is_clustered=False,
        directory=tmp_path,
    )

    with pytest.raises(Failed, match=why):
        seat.send("batch", 1)


def test_a_name_that_nobody_has_is_refused():
    with pytest.raises(ValueError, match="rabbit: nobody of that name takes part; headworks, bullmq"):
        named(["rabbit"])


def test_the_chart_has_a_bar_for_each_contestant_of_each_measure():
    figures = Figures()
    for name in (OURS, "a < b"):
        for measure in ("drain", "p99"):
            figures.add(PLAIN, name, measure, 3)

    picture = ET.fromstring(as_svg(figures))  # noqa: S314 - it is our own

    bars = [each for each in picture.iter("{http://www.w3.org/2000/svg}rect") if each.get("height") == "18"]
    assert len(bars) == 4
