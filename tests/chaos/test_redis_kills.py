"""Real processes of a queue on Redis are killed at any moment: nothing lost, nothing out of order, nothing twice."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import defaultdict
from contextlib import ExitStack
from datetime import timedelta

import pytest

from headworks.brokers.redis.acceptance import Acceptance, Offer
from headworks.brokers.redis.connection import Connection
from headworks.brokers.redis.keys import Keys
from headworks.brokers.redis.upkeep import Upkeep
from infra.local.workspace import PROJECT
from tests.support.patience import until
from tests.support.valkey import running

MESSAGES, ORDERING_KEYS, WORKERS, KILLS = 1_000, 20, 3, 12
QUEUE = Keys("orders")


@pytest.fixture
def server(tmp_path):
    with running("valkey-9", tmp_path) as server:
        yield server


def start(server, witness):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.redis_worker", str(server.address.port), QUEUE.queue, witness],
        cwd=PROJECT,
    )


def send(connection):
    acceptance = Acceptance(QUEUE, ["handle"], window=timedelta(hours=1), fifo=True)
    for first in range(0, MESSAGES, 100):
        offers = [
            Offer(id=f"m{n:06}", key=f"m{n:06}", body="1", ordering_key=f"o{n % ORDERING_KEYS}")
            for n in range(first, first + 100)
        ]
        assert not any(each.error for each in connection.run(acceptance.enqueue(offers)))
        yield


def test_nothing_is_lost_out_of_order_or_done_twice_but_in_the_named_gap(server, tmp_path):
    witness = tmp_path / "witness"
    killed = kill_workers_while_they_work(server, witness)

    effects, running_when_killed = read(witness, killed)

    assert set(effects) == {f"m{n:06}" for n in range(MESSAGES)}, "lost"
    twice = {name for name, pids in effects.items() if len(pids) > 1}
    # Its process died after the effect and before it was settled: nobody else's is done twice.
    assert twice <= running_when_killed
    assert in_order(witness)


def kill_workers_while_they_work(server, witness):
    """The pids of those that were killed."""
    draw, killed = random.Random(5), []  # noqa: S311 - a seed, so that a failure comes again
    with ExitStack() as stack:
        connection = stack.enter_context(Connection(server.address))
        workers = [start(server, str(witness)) for _ in range(WORKERS)]
        stack.callback(lambda: [(each.kill(), each.wait()) for each in workers])
        sending = send(connection)
        for _ in range(KILLS):
            next(sending, None)
            await_lines(witness, more_bytes=draw.randrange(200, 2_000))
            which = draw.randrange(WORKERS)
            workers[which].kill()
            workers[which].wait()
            killed.append(workers[which].pid)
            workers[which] = start(server, str(witness))
        for _ in sending:
            pass
        upkeep = Upkeep(QUEUE, "handle")
        until(lambda: is_drained(connection.run(upkeep.figures())), what="all are done", seconds=60)
        assert connection.run(upkeep.figures()).done == MESSAGES
    return killed


def await_lines(witness, *, more_bytes):
    """Come back when so much more was done."""
    witness.touch()
    enough = witness.stat().st_size + more_bytes
    until(lambda: witness.stat().st_size > enough, what="work goes on", seconds=30)


def is_drained(figures):
    return not any((figures.ready, figures.pending, figures.due, figures.parked, figures.ordering_keys))


def lines(witness):
    return [line.split() for line in witness.read_text().splitlines()]


def read(witness, killed):
    """Who did each effect, and what the killed ones had in their hands at last."""
    effects, last = defaultdict(list), {}
    for what, name, _, pid in lines(witness):
        last[int(pid)] = name
        if what == "effect":
            effects[name].append(int(pid))
    return effects, {last[pid] for pid in killed if pid in last}


def in_order(witness):
    """Whether the first effects of each ordering key came in the order of their sending."""
    firsts = list(dict.fromkeys(name for what, name, *_ in lines(witness) if what == "effect"))
    by_key = defaultdict(list)
    for name in firsts:
        by_key[int(name[1:]) % ORDERING_KEYS].append(name)
    return all(names == sorted(names) for names in by_key.values())
