"""Real processes of a queue on Redis are killed at any moment: nothing lost, nothing out of order, nothing twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import defaultdict
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest

from headworks.brokers.redis.acceptance import Acceptance, Offer
from headworks.brokers.redis.connection import Connection
from headworks.brokers.redis.keys import Keys
from headworks.brokers.redis.upkeep import Upkeep
from infra.local.workspace import PROJECT
from tests.support.patience import until
from tests.support.valkey import free_port, running

WORKERS = 3
QUEUE = Keys("orders")


@dataclass(frozen=True)
class Size:
    """How much is sent, and how often something is killed."""

    messages: int
    ordering_keys: int
    kills: int
    restarts: int


LITTLE = Size(1_000, 20, 12, 3)
MUCH = Size(5_000, 50, 60, 20)


@pytest.fixture
def size(rounds):
    return MUCH if rounds > 1 else LITTLE


@pytest.fixture
def server(tmp_path):
    with running("valkey-9", tmp_path) as server:
        yield server


def start(server, witness):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.redis_worker", str(server.address.port), QUEUE.queue, witness],
        cwd=PROJECT,
    )


def send(connection, size):
    """Send a hundred at a time; how many were accepted so far."""
    acceptance = Acceptance(QUEUE, ["handle"], window=timedelta(hours=1), fifo=True)
    for first in range(0, size.messages, 100):
        offers = [
            Offer(id=f"m{n:06}", key=f"m{n:06}", body="1", ordering_key=f"o{n % size.ordering_keys}")
            for n in range(first, first + 100)
        ]
        assert not any(each.error for each in connection.run(acceptance.enqueue(offers)))
        yield first + 100


def test_nothing_is_lost_out_of_order_or_done_twice_but_in_the_named_gap(server, tmp_path, size, report):
    witness = tmp_path / "witness"
    killed = kill_workers_while_they_work(server, witness, size)

    effects, last = read(witness)

    assert set(effects) == {f"m{n:06}" for n in range(size.messages)}, "lost"
    twice = {name for name, pids in effects.items() if len(pids) > 1}
    # Its process died after the effect and before it was settled: nobody else's is done twice.
    assert twice <= {last[pid] for pid in killed if pid in last}
    assert in_order(witness, size)
    report(messages=size.messages, kills=len(killed), twice_in_the_gap=len(twice))


def kill_workers_while_they_work(server, witness, size):
    """The pids of those that were killed."""
    draw, killed = random.Random(5), []  # noqa: S311 - a seed, so that a failure comes again
    with Connection(server.address) as connection, working(server, witness) as workers:
        sending = send(connection, size)
        for _ in range(size.kills):
            next(sending, None)
            await_lines(witness, more_bytes=draw.randrange(200, 2_000))
            which = draw.randrange(WORKERS)
            workers[which].kill()
            workers[which].wait()
            killed.append(workers[which].pid)
            workers[which] = start(server, str(witness))
        for _ in sending:
            pass
        assert figures_when_drained(connection).done == size.messages
    return killed


def test_what_was_accepted_survives_a_server_that_is_killed_again_and_again(tmp_path, size, report):
    witness, port = tmp_path / "witness", free_port()
    with ExitStack() as stack:
        for n in range(size.restarts + 1):
            server = stack.enter_context(running("valkey-9", tmp_path, "--appendonly", "yes", port=port))
            if not n:
                connection = stack.enter_context(Connection(server.address))
                stack.enter_context(working(server, witness))
                sending = send(connection, size)
            next(sending, None)
            await_lines(witness, more_bytes=500, seconds=5)
            if n < size.restarts:
                os.kill(server.pid, signal.SIGKILL)
        for _ in sending:
            pass
        figures_when_drained(connection)

    effects, _ = read(witness)
    assert set(effects) == {f"m{n:06}" for n in range(size.messages)}, "lost"
    assert in_order(witness, size)
    report(messages=size.messages, restarts=size.restarts)


def test_a_process_that_was_frozen_past_its_lease_starts_nothing_it_no_longer_owns(server, tmp_path):
    witness = tmp_path / "witness"
    with Connection(server.address) as connection, working(server, witness) as workers:
        for _ in send(connection, LITTLE):
            pass
        await_lines(witness, more_bytes=2_000)
        frozen = workers[0].pid
        os.kill(frozen, signal.SIGSTOP)
        figures_when_drained(connection)
        before = len(lines(witness))
        os.kill(frozen, signal.SIGCONT)
        # It is awake when it takes something new.
        acceptance = Acceptance(QUEUE, ["handle"], window=timedelta(hours=1), fifo=True)
        workers[1].kill()
        workers[2].kill()
        offer = Offer(id="m999999", key="m999999", body="1", ordering_key="new")
        connection.run(acceptance.enqueue([offer]))
        until(
            lambda: lines(witness)[-1][1] == "m999999" and lines(witness)[-1][0] == "effect",
            what="it is awake",
        )

    thawed = [(what, name) for what, name, _, pid in lines(witness)[before:] if int(pid) == frozen]
    # What it had in its hands when it was stopped, it may end; whatever else it held is others'.
    assert len({name for _, name in thawed if name != "m999999"}) <= 1
    assert not any(what == "run" for what, name in thawed[1:] if name != "m999999")


@contextmanager
def working(server, witness):
    """Workers, while the block runs."""
    workers = [start(server, str(witness)) for _ in range(WORKERS)]
    try:
        yield workers
    finally:
        for each in workers:
            each.kill()
            each.wait()


def figures_when_drained(connection):
    upkeep = Upkeep(QUEUE, "handle")
    until(lambda: is_drained(connection.run(upkeep.figures())), what="all are done", seconds=60)
    return connection.run(upkeep.figures())


def await_lines(witness, *, more_bytes, since=None, seconds=30):
    """Come back when so much more was done than by now, or than there was before."""
    witness.touch()
    enough = (witness.stat().st_size if since is None else since) + more_bytes
    until(lambda: witness.stat().st_size > enough, what="work goes on", seconds=seconds)


def is_drained(figures):
    return not any((figures.ready, figures.pending, figures.due, figures.parked, figures.ordering_keys))


def lines(witness):
    return [line.split() for line in witness.read_text().splitlines()]


def read(witness):
    """Who did each effect, and what each process had in its hands at last."""
    effects, last = defaultdict(list), {}
    for what, name, _, pid in lines(witness):
        last[int(pid)] = name
        if what == "effect":
            effects[name].append(int(pid))
    return effects, last


def in_order(witness, size):
    """Whether the first effects of each ordering key came in the order of their sending."""
    firsts = list(dict.fromkeys(name for what, name, *_ in lines(witness) if what == "effect"))
    by_key = defaultdict(list)
    for name in firsts:
        by_key[int(name[1:]) % size.ordering_keys].append(name)
    return all(names == sorted(names) for names in by_key.values())
