"""Real Redis servers, one of each kind for a whole test run."""

from __future__ import annotations

import pytest

from tests.support.guarded_scripts import guarded_scripts
from tests.support.redis_queue import RedisQueue
from tests.support.valkey import is_there, running

EVERY_KIND = ("valkey-9", "valkey-8", "redis-7", "valkey-9 cluster with TLS", "redis-7 cluster with TLS")
# The summary at the end names the one that isn't installed (tests/conftest.py).
KINDS = tuple(kind for kind in EVERY_KIND if is_there(kind.partition(" ")[0]))
CONNECTIONS = ("blocking", "asyncio")


def pytest_addoption(parser):
    parser.addoption("--all-bugs", action="store_true", help="plant those, too, that show late")


def _server(kind, tmp_path_factory):
    name, _, cluster = kind.partition(" ")
    with running(name, tmp_path_factory.mktemp("redis"), clustered=bool(cluster)) as server:
        yield server


@pytest.fixture(scope="session", params=KINDS)
def redis_server(request, tmp_path_factory):
    """Each kind of server in turn."""
    yield from _server(request.param, tmp_path_factory)


@pytest.fixture(scope="session")
def newest_server(tmp_path_factory):
    """One kind, for what is the same on all of them."""
    yield from _server("valkey-9", tmp_path_factory)


@pytest.fixture(params=CONNECTIONS)
def make_queue(redis_server, request):
    """Queues on each kind of server, whose scripts can't touch a key that they don't declare."""
    yield from _queues(redis_server, asyncio=request.param == "asyncio")


@pytest.fixture
def make_newest_queue(newest_server):
    """The same on one kind of server."""
    yield from _queues(newest_server)


def _queues(server, **always):
    made = []

    def make(**options):
        options.setdefault("scripts", guarded_scripts())
        made.append(RedisQueue(server, **options, **always))
        return made[-1]

    yield make
    for queue in made:
        queue.close()
