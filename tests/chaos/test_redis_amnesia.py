"""A server that forgets everything, or all scripts, while messages are sent to it and worked on at several consumers."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from contextlib import closing, contextmanager
from datetime import timedelta

import pytest

from headworks.brokers.redis.acceptance import Acceptance
from headworks.brokers.redis.connection import Connection
from headworks.brokers.redis.upkeep import Upkeep
from headworks.working.lost_leases import MOST_A_SECOND
from tests.contract.test_redis_worker_outages import BACK_WITHIN_SECONDS, commands
from tests.support.patience import until
from tests.support.redis_drain import Drained
from tests.support.redis_workers import WorkedQueue
from tests.support.valkey import ask, running

CONSUMERS = ("fulfil_order", "count_order")
ORDERING_KEYS = 5
A_CALL = 20
BETWEEN = 500
WORKERS_EACH = 2
A_WHILE, A_DRAIN = 0.3, 1
# Four workers, two seconds at most, and that there were more.
MOST_TROUBLES = 4 * 2 * (MOST_A_SECOND + 1)
# Four workers look for messages ten times a second, with two calls each.
MOST_IDLE_CALLS = 100
FORGETTING = (("FLUSHALL",), ("SCRIPT", "FLUSH"))


@pytest.fixture
def server(tmp_path):
    with running("valkey-9", tmp_path) as server:
        yield server


class Traffic:
    """Somebody who sends all the while, and what each consumer has done of it."""

    def __init__(self, queue):
        self._queue = queue
        self._over = threading.Event()
        self.sent = 0
        self.done = defaultdict(list)

    def handler(self, consumer):
        """A handler that remembers."""

        def handle(message):
            self.done[consumer].append(message.data)

        return handle

    @contextmanager
    def going_on(self):
        """Send for as long as the block lasts."""
        thread = threading.Thread(target=self._send, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def _send(self):
        with Connection(self._queue.server.address) as connection:
            acceptance = Acceptance(
                self._queue.keys,
                self._queue.queue.consumers,
                window=timedelta(hours=1),
                fifo=True,
                scripts=self._queue.scripts,
            )
            while not self._over.wait(0.005):
                offers = [
                    self._queue._offer(f"{n:06}", f"o{n % ORDERING_KEYS}", None, {})
                    for n in range(self.sent, self.sent + A_CALL)
                ]
                assert not any(each.error for each in connection.run(acceptance.enqueue(offers)))
                self.sent += A_CALL

    def is_done(self, first, last):
        """Whether each consumer has done these."""
        wanted = {f"{n:06}" for n in range(first, last)}
        return all(wanted <= set(self.done[each]) for each in self._queue.queue.consumers)

    def is_in_order(self, first):
        """Whether what was sent then and later was done in the order of its ordering key, each once."""
        orders = [
            [int(each) for each in done if int(each) % ORDERING_KEYS == key and int(each) >= first]
            for done in self.done.values()
            for key in range(ORDERING_KEYS)
        ]
        return all(order == sorted(set(order)) for order in orders)


@pytest.mark.parametrize("forgetting", FORGETTING, ids=" ".join)
def test_what_is_sent_after_a_server_forgot_is_done_in_order_by_each_consumer(
    server, forgetting, rounds, report
):
    with closing(WorkedQueue(server, fifo=True, consumers=CONSUMERS)) as queue:
        traffic = Traffic(queue)
        for consumer in CONSUMERS * WORKERS_EACH:
            queue.start(traffic.handler(consumer), consumer=consumer)
        with traffic.going_on():
            for _ in range(rounds):
                enough = traffic.sent + BETWEEN
                until(lambda enough=enough: traffic.sent >= enough, what="there is traffic")
                ask(server.administrator, *forgetting)
                # A call that is under way now may be of either time.
                since = traffic.sent + A_CALL
                until(lambda since=since: traffic.sent > since, what="something is sent after it")
                known = traffic.sent
                until(
                    lambda since=since, known=known: traffic.is_done(since, known),
                    what="each consumer has done what was sent after it",
                    seconds=BACK_WITHIN_SECONDS,
                )
        until(lambda: traffic.is_done(since, traffic.sent), what="all that was sent after it is done")
        until(lambda: all(is_empty(queue, each) for each in CONSUMERS), what="no key is held any more")
        calls, began = commands(server), time.monotonic()
        until(lambda: time.monotonic() - began > A_WHILE, what="a while without work is over")

        assert commands(server) - calls < MOST_IDLE_CALLS
        assert traffic.is_in_order(since)
        assert all("lease" in each for each in queue.troubles())
        assert len(queue.troubles()) <= MOST_TROUBLES * rounds
        if forgetting != FORGETTING[0]:
            assert traffic.is_done(0, traffic.sent)
            assert queue.troubles() == []
        report(sent=traffic.sent, times_forgotten=rounds)


@pytest.mark.parametrize("forgetting", FORGETTING, ids=" ".join)
def test_a_drain_goes_on_with_what_comes_after_its_server_forgot(server, clock, log, forgetting):
    seen = []
    with closing(
        Drained(server, clock, log, lambda message: seen.append(message.data["n"]), fifo=True, batch_size=5)
    ) as drained:
        drained.send(*(f"a{n}" for n in range(12)), ordering_key="one")
        drains = [threading.Thread(target=drained.drain, args=(A_DRAIN,)) for _ in range(2)]
        for each in drains:
            each.start()
        until(lambda: seen, what="they are at work")

        ask(server.administrator, *forgetting)
        names = [f"b{n}" for n in range(12)]
        drained.send(*names, ordering_key="one")

        until(lambda: names[-1] in seen, what="it is drained, too", seconds=BACK_WITHIN_SECONDS)
        for each in drains:
            each.join()
        assert [each for each in seen if each in names] == names
        assert drained.left() == (0, 0, 0)
        assert drained.figures().ordering_keys == 0
        assert not [line for line in log.lines if line[0] == "trouble" and "lease" not in line[1]["what"]]


def is_empty(queue, consumer):
    figures = queue.connection.run(Upkeep(queue.keys, consumer).figures())
    return not any((figures.ready, figures.pending, figures.due, figures.parked, figures.ordering_keys))
