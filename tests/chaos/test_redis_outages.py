"""A server that stands still, or behind connections that carry nothing: for a worker and for who sends to it."""

from __future__ import annotations

import os
import signal
import time
from asyncio import Runner
from contextlib import closing, contextmanager
from datetime import timedelta
from threading import Thread

import pytest

from headworks.brokers.redis.acceptance import Acceptance, Offer
from headworks.brokers.redis.async_connection import AsyncConnection
from headworks.brokers.redis.connection import ANSWER_SECONDS, Connection
from headworks.message import encode
from headworks.working.outbox import MOST_UNTOLD
from tests.contract.test_redis_failures import relayed
from tests.contract.test_redis_worker_outages import BACK_WITHIN_SECONDS, Seen, commands
from tests.support.declarations import a_message
from tests.support.patience import until
from tests.support.redis_workers import WorkedQueue
from tests.support.valkey import running

# One line for the fetching, one for the settling, one for the heartbeat.
MOST_TROUBLES = 3
# An idle worker's, and what is tried again once a second by each who tries.
MOST_CALLS_A_SECOND = 10


@pytest.fixture
def standstills(rounds):
    """How long a server stands still, in seconds."""
    return (5, 35) if rounds > 1 else (1,)


@pytest.fixture(params=[False, True], ids=["plain", "cluster with TLS"])
def server(request, tmp_path, rounds):
    if request.param and rounds == 1:
        pytest.skip("make chaos has the time for this")
    with running("valkey-9", tmp_path, clustered=request.param) as server:
        yield server


@pytest.mark.parametrize("kind", ["blocking", "asyncio"])
def test_a_server_that_stood_still_finds_everybody_back_and_nothing_sent_twice(
    server, standstills, kind, report
):
    seen = Seen()
    with closing(WorkedQueue(server)) as queue:
        queue.start(seen.handle)
        process = server.pid
        for seconds in standstills:
            troubles, calls = len(queue.troubles()), commands(server)
            with standing_still(process, seconds), sending(queue, f"during {seconds}", kind) as accepted:
                pass
            queue.send(f"after {seconds}")
            seen.await_(f"after {seconds}")
            seen.await_(f"during {seconds}")
            until(lambda accepted=accepted: accepted, what="the sender knows", seconds=ANSWER_SECONDS + 2)
            assert not accepted[0].duplicate
            assert len(queue.troubles()) - troubles <= MOST_TROUBLES
            assert commands(server) - calls < MOST_CALLS_A_SECOND * (seconds + BACK_WITHIN_SECONDS)
        queue.await_drained()

    assert sorted(seen.names) == sorted(
        f"{when} {each}" for each in standstills for when in ("during", "after")
    )
    report(standstills=len(standstills))


def test_a_worker_whose_connections_carry_nothing_makes_new_ones(tmp_path):
    seen = Seen()
    with (
        running("valkey-9", tmp_path) as server,
        relayed(server) as relay,
        closing(WorkedQueue(server)) as queue,
    ):
        queue.start(seen.handle, address=relay.address)
        queue.send("before")
        seen.await_("before", seconds=10)
        queue.await_drained()

        relay.lose_connections()
        queue.send("after")

        # Silence is told from slowness by how long it lasts.
        seen.await_("after", seconds=ANSWER_SECONDS + BACK_WITHIN_SECONDS)
        queue.await_drained()
        assert sorted(seen.names) == ["after", "before"]
        assert len(queue.troubles()) <= MOST_TROUBLES


@pytest.mark.usefixtures("plenty_of_time")
def test_a_worker_whose_outcomes_arent_taken_stops_taking_more(tmp_path):
    seen, names = Seen(), [f"m{n}" for n in range(4 * MOST_UNTOLD)]
    with (
        running("valkey-9", tmp_path) as server,
        relayed(server) as relay,
        closing(WorkedQueue(server)) as queue,
    ):
        queue.send(*names)
        relay.silenced_by = queue.scripts["settle"].sha.encode()
        queue.start(seen.handle, address=relay.address)
        until(queue.troubles, what="it knows that nothing is taken", seconds=30)

        done = len(seen.names)
        relay.silenced_by = b""
        until(lambda: queue.is_drained, what="all is done", seconds=60)

    assert done < 2 * MOST_UNTOLD, "whoever is killed now has all of that repeated"
    assert sorted(seen.names) == sorted(names)


@contextmanager
def standing_still(process, seconds):
    """A process that doesn't run for so long, beginning with the block."""
    os.kill(process, signal.SIGSTOP)
    began = time.monotonic()
    try:
        yield
        until(lambda: time.monotonic() - began >= seconds, what="it stood still", seconds=seconds + 10)
    finally:
        os.kill(process, signal.SIGCONT)


@contextmanager
def sending(queue, name, kind):
    """Somebody who sends one message until it is accepted, from the block on; and what it was answered then."""
    message, answers = a_message(b'"%s"' % name.encode(), idempotency_key=name), []
    offer = Offer(id=message.id, key=name, body=encode(message).encode())
    acceptance = Acceptance(
        queue.keys, queue.queue.consumers, window=timedelta(hours=1), scripts=queue.scripts
    )

    def send_until_accepted():
        with Runner() as runner, Connection(queue.server.address) as blocking:
            line = AsyncConnection(queue.server.address)
            while not answers:
                run = (
                    blocking.run if kind == "blocking" else lambda operation: runner.run(line.run(operation))
                )
                [accepted] = run(acceptance.enqueue([offer]))
                if not accepted.error:
                    answers.append(accepted)
            runner.run(hang_up(line))

    Thread(target=send_until_accepted, daemon=True).start()
    yield answers


async def hang_up(line):
    line.close()
