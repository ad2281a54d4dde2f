"""Processes of the library's worker are killed, stopped and frozen at any moment."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from contextlib import contextmanager
from datetime import timedelta

import pytest

from headworks.brokers.redis.acceptance import Acceptance, Offer
from headworks.brokers.redis.connection import Connection
from headworks.brokers.redis.keys import Keys
from headworks.brokers.redis.upkeep import Upkeep
from infra.local.workspace import PROJECT
from tests.chaos.library_worker import CONSUMER
from tests.chaos.test_redis_kills import (
    LITTLE,
    MUCH,
    WORKERS,
    Size,
    await_lines,
    in_order,
    is_drained,
    lines,
    read,
)
from tests.support.patience import until
from tests.support.valkey import running

QUEUE = Keys("orders")
INNOCENTS = 250
FEW = Size(200, 10, 3, 0)


@pytest.fixture
def size(rounds):
    return MUCH if rounds > 1 else LITTLE


@pytest.fixture
def server(tmp_path):
    with running("valkey-9", tmp_path) as server:
        yield server


def start(server, witness, *options):
    script = [sys.executable, "-m", "tests.chaos.library_worker", str(server.address.port), QUEUE.queue]
    return subprocess.Popen([*script, str(witness), *options], cwd=PROJECT)


@contextmanager
def working(server, witness):
    workers = [start(server, witness) for _ in range(WORKERS)]
    try:
        yield workers
    finally:
        for each in workers:
            each.kill()
            each.wait()


def send(connection, size, consumers=(CONSUMER,)):
    """Send some for each kill; how many were accepted so far."""
    acceptance = Acceptance(QUEUE, consumers, window=timedelta(hours=1), fifo=True)
    some = size.messages // size.kills + 1
    for first in range(0, size.messages, some):
        offers = [
            Offer(id=f"m{n:06}", key=f"m{n:06}", body="1", ordering_key=f"o{n % size.ordering_keys}")
            for n in range(first, min(first + some, size.messages))
        ]
        assert not any(each.error for each in connection.run(acceptance.enqueue(offers)))
        yield first + len(offers)


def figures_when_drained(connection, consumer=CONSUMER):
    upkeep = Upkeep(QUEUE, consumer)
    until(lambda: is_drained(connection.run(upkeep.figures())), what="all are done", seconds=90)
    return connection.run(upkeep.figures())


def repeated_needlessly(witness, killed):
    """Effects that happened again though Redis had been told of them, or whoever did them wasn't killed."""
    known, needless = 0, []
    did = {}
    for what, name, _, by in lines(witness):
        if what == "effect":
            if name in did and did[name] not in killed:
                needless.append(name)
            did[name] = int(by)
        elif what == "told" and did.get(name) == int(by):
            did[name] = known
    return needless


def end_workers_while_they_work(server, witness, size, how):
    """The processes that were ended in the midst of it, each replaced by a new one; and the figures at the end."""
    draw, ended = random.Random(7), []  # noqa: S311 - a seed, so that a failure comes again
    with Connection(server.address) as connection, working(server, witness) as workers:
        sending = send(connection, size)
        witness.touch()
        for _ in range(size.kills):
            before = witness.stat().st_size
            next(sending, None)
            await_lines(witness, more_bytes=draw.randrange(100, 1_000), since=before)
            which = draw.randrange(WORKERS)
            workers[which].send_signal(how)
            workers[which].wait(30)
            ended.append(workers[which])
            workers[which] = start(server, witness)
        for _ in sending:
            pass
        return ended, figures_when_drained(connection)


def test_workers_that_are_killed_lose_nothing_and_repeat_only_what_they_had_in_hand(
    server, tmp_path, size, report
):
    witness = tmp_path / "witness"
    killed, figures = end_workers_while_they_work(server, witness, size, signal.SIGKILL)

    effects, _ = read(witness)

    assert set(effects) == {f"m{n:06}" for n in range(size.messages)}, "lost"
    twice = {name for name, pids in effects.items() if len(pids) > 1}
    assert not repeated_needlessly(witness, {each.pid for each in killed})
    assert in_order(witness, size)
    assert figures.done >= size.messages - len(twice)
    report(messages=size.messages, workers_killed=len(killed), twice_in_the_gap=len(twice))


def test_innocents_that_were_prefetched_beside_a_killer_are_counted_as_no_crash(server, tmp_path):
    witness = tmp_path / "witness"
    unordered = ("--prefetch", str(INNOCENTS))
    with Connection(server.address) as connection:
        acceptance = Acceptance(QUEUE, [CONSUMER], window=timedelta(hours=1))
        names = [f"m{n:06}" for n in range(INNOCENTS)]
        connection.run(acceptance.enqueue([Offer(id=each, key=each, body="1") for each in names]))
        killer = start(server, witness, *unordered, "--dies-at", names[5])
        assert killer.wait(30) == -signal.SIGKILL
        heir = start(server, witness, *unordered)
        try:
            figures = figures_when_drained(connection)
        finally:
            heir.kill()
            heir.wait()

    effects, _ = read(witness)
    later = [
        (name, attempt) for what, name, attempt, by in lines(witness) if int(by) == heir.pid and what == "run"
    ]
    assert set(effects) == set(names)
    assert len(later) > INNOCENTS / 2, "most of them were prefetched by a process that was killed"
    assert {attempt for _, attempt in later} == {"1"}
    assert not repeated_needlessly(witness, {killer.pid})
    assert figures.dead == 0


def test_kills_of_one_consumer_are_nothing_to_the_others(server, tmp_path, rounds):
    size = MUCH if rounds > 1 else FEW
    consumers = [CONSUMER, "count_orders", "mail_orders"]
    witnesses = {each: tmp_path / each for each in consumers}
    workers = {each: start(server, witnesses[each], "--consumer", each) for each in consumers}
    killed = set()
    with Connection(server.address) as connection:
        try:
            for _ in send(connection, size, consumers):
                before = witnesses[CONSUMER].stat().st_size if killed else 0
                await_lines(witnesses[CONSUMER], more_bytes=100, since=before)
                workers[CONSUMER].kill()
                workers[CONSUMER].wait()
                killed.add(workers[CONSUMER].pid)
                workers[CONSUMER] = start(server, witnesses[CONSUMER])
            figures = {each: figures_when_drained(connection, each) for each in consumers}
        finally:
            for each in workers.values():
                each.kill()
                each.wait()

    for each, witness in witnesses.items():
        effects, _ = read(witness)
        assert set(effects) == {f"m{n:06}" for n in range(size.messages)}, "lost"
        assert not repeated_needlessly(witness, killed)
        assert in_order(witness, size)
        failures = sum(what == "fails" for what, *_ in lines(witness))
        assert figures[each].dead == 0
        assert figures[each].retried <= failures
        if each != CONSUMER:
            assert (figures[each].done, figures[each].retried, figures[each].late) == (
                size.messages,
                failures,
                0,
            )


def test_workers_that_are_told_to_stop_lose_nothing_and_repeat_nothing(server, tmp_path, size, report):
    witness = tmp_path / "witness"
    stopped, figures = end_workers_while_they_work(server, witness, size, signal.SIGTERM)

    effects, _ = read(witness)

    assert set(effects) == {f"m{n:06}" for n in range(size.messages)}, "lost"
    assert not {name for name, pids in effects.items() if len(pids) > 1}
    assert in_order(witness, size)
    # Who was still at its imports has no say in how it ends.
    at_work = {int(pid) for *_, pid in lines(witness)}
    assert {each.returncode for each in stopped if each.pid in at_work} == {0}
    assert figures.done == size.messages
    report(messages=size.messages, workers_stopped=len(stopped))


def test_a_worker_that_was_frozen_past_its_leases_starts_nothing_it_no_longer_owns(server, tmp_path):
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
        workers[1].kill()
        workers[2].kill()
        acceptance = Acceptance(QUEUE, [CONSUMER], window=timedelta(hours=1), fifo=True)
        connection.run(acceptance.enqueue([Offer(id="m999999", key="m999999", body="1", ordering_key="new")]))
        # It is awake when it has done something new.
        until(
            lambda: any(line[:2] == ["effect", "m999999"] for line in lines(witness)),
            what="it is awake",
            seconds=30,
        )

    thawed = [
        (what, name)
        for what, name, _, pid in lines(witness)[before:]
        if int(pid) == frozen and what in {"run", "effect", "fails"}
    ]
    # What it had in its hands when it was stopped, it may end; whatever else it held is others'.
    assert len({name for _, name in thawed if name != "m999999"}) <= 1
    assert not any(what == "run" for what, name in thawed[1:] if name != "m999999")
