"""A worker whose Redis goes away, forgets, or has nothing to say."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time

import pytest

from tests.support.patience import until
from tests.support.redis_workers import WorkedQueue
from tests.support.valkey import ask, free_port, running

BACK_WITHIN_SECONDS = 2


@pytest.fixture
def make():
    made = []

    def make(server, **declared):
        made.append(WorkedQueue(server, **declared))
        return made[-1]

    yield make
    for queue in made:
        queue.close()


@pytest.fixture
def server(tmp_path):
    with running("valkey-9", tmp_path) as server:
        yield server


class Seen:
    """A handler that remembers."""

    def __init__(self):
        self.names = []

    async def handle(self, message):
        await asyncio.sleep(0)
        self.names.append(message.data)

    def await_(self, name, *, seconds=BACK_WITHIN_SECONDS):
        until(lambda: name in self.names, what=f"{name} has come", seconds=seconds)


def test_a_worker_is_back_soon_after_its_server_was_killed_and_loses_nothing(tmp_path, make):
    seen, port = Seen(), free_port()
    kept = ("--appendonly", "yes", "--appendfsync", "always")
    with running("valkey-9", tmp_path, *kept, port=port) as server:
        queue = make(server)
        queue.start(seen.handle)
        queue.send("before")
        seen.await_("before", seconds=10)
        until(lambda: queue.is_drained, what="it is settled")
        os.kill(server.pid, signal.SIGKILL)
        with running("valkey-9", tmp_path, *kept, port=port):
            queue.send("after")
            seen.await_("after")
            queue.await_drained()

    assert sorted(seen.names) == ["after", "before"]
    assert len(queue.troubles()) <= 3, "one line says that it began, and no flood follows"


@pytest.mark.parametrize(
    "command", [("FLUSHALL",), ("SCRIPT", "FLUSH"), ("CLIENT", "KILL", "TYPE", "NORMAL")]
)
def test_a_worker_goes_on_with_what_comes_after_its_server_forgot(server, make, command):
    seen = Seen()
    queue = make(server)
    queue.start(seen.handle)
    queue.send("before")
    seen.await_("before", seconds=10)
    until(lambda: queue.is_drained, what="it is settled")

    ask(server.administrator, *command)
    queue.send("after")

    seen.await_("after")
    queue.await_drained()
    assert sorted(seen.names) == ["after", "before"]


def test_an_idle_worker_asks_fewer_than_five_times_a_second(server, make):
    queue = make(server)
    worker = queue.worker(Seen().handle, poll=None)
    queue.started(worker)
    queue.send("m1")
    queue.await_drained()

    before, began = commands(server), time.monotonic()
    until(lambda: time.monotonic() - began >= 3, what="three seconds are over")
    asked = commands(server) - before

    assert 0 < asked < 5 * (time.monotonic() - began)


def commands(server):
    """Calls that the server had of the queue's users, scripts counted as one."""
    told = ask(server.administrator, "INFO", "commandstats").decode()
    calls = {name: int(number) for name, number in re.findall(r"cmdstat_([^:]+):calls=(\d+)", told)}
    return calls.get("evalsha", 0) + calls.get("eval", 0) + calls.get("xreadgroup", 0)
