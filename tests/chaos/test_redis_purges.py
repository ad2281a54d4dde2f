"""Purges beside workers that go on and a sender that does, too: the books of what was done and removed balance."""

from __future__ import annotations

import json
import threading
import time
from contextlib import closing
from datetime import timedelta

import pytest

from headworks.brokers.redis.acceptance import Acceptance
from headworks.brokers.redis.connection import Connection
from headworks.brokers.redis.settling import LONGEST_RUN
from headworks.brokers.redis.upkeep import Upkeep
from tests.support.patience import until
from tests.support.redis_workers import WorkedQueue
from tests.support.valkey import running

ORDERING_KEYS, A_CALL, WORKERS, PREFETCH, BACKLOG = 4, 50, 2, 10, 500


@pytest.fixture
def server(tmp_path):
    with running("valkey-9", tmp_path) as server:
        yield server


class Books:
    """What was accepted, done and removed, by the name that is its idempotency key."""

    def __init__(self, queue, *, running_too):
        self._running_too = running_too
        self._queue = queue
        self._lock = threading.Lock()
        self.accepted, self.done, self.removed = 0, [], 0

    def handle(self, message):
        time.sleep(0.002)
        self.done.append(message.data)

    def send(self, connection, names):
        """Offer these; which of them are duplicates."""
        queue = self._queue
        acceptance = Acceptance(
            queue.keys,
            queue.queue.consumers,
            window=timedelta(hours=1),
            fifo=queue.queue.fifo,
            scripts=queue.scripts,
        )
        offers = [queue._offer(name, f"o{int(name) % ORDERING_KEYS}", None, {}) for name in names]
        answers = connection.run(acceptance.enqueue(offers))
        return [name for name, answer in zip(names, answers, strict=True) if answer.duplicate]

    def send_until(self, over):
        with Connection(self._queue.server.address) as connection:
            while not over.is_set():
                names = [f"{n:06}" for n in range(self.accepted, self.accepted + A_CALL)]
                assert self.send(connection, names) == []
                self.accepted += A_CALL
                over.wait(0.005)

    def purge(self, number):
        queue = self._queue
        upkeep = Upkeep(
            queue.keys,
            *queue.queue.consumers,
            key_of=lambda body: json.loads(body)["idempotencykey"],
            scripts=queue.scripts,
        )
        with Connection(queue.server.address) as connection:
            for _ in range(number):
                removed = connection.run(upkeep.purge(running_too=self._running_too))
                with self._lock:
                    self.removed += removed.removed


@pytest.mark.parametrize("running_too", [False, True], ids=["not what runs", "what runs, too"])
@pytest.mark.parametrize("fifo", [False, True], ids=["standard", "fifo"])
def test_beside_purges_whatever_was_accepted_is_done_once_or_removed_once(
    server, fifo, running_too, rounds, report
):
    over = threading.Event()
    with closing(WorkedQueue(server, fifo=fifo)) as queue, Connection(server.address) as connection:
        books = Books(queue, running_too=running_too)
        for _ in range(WORKERS):
            queue.start(books.handle, prefetch=PREFETCH)
        sender = threading.Thread(target=books.send_until, args=(over,))
        sender.start()
        until(lambda: books.done and waiting(queue.figures()) > BACKLOG, what="there is a backlog")
        purges = [threading.Thread(target=books.purge, args=(2 * rounds,)) for _ in range(2)]
        for each in purges:
            each.start()
        for each in purges:
            each.join()
        over.set()
        sender.join()
        queue.await_drained()

        done, names = list(books.done), [f"{n:06}" for n in range(books.accepted)]
        assert books.removed
        assert len(set(done)) == len(done)
        if running_too:
            # What was in a worker's hands may have been done as well, beside what came next; it is told so.
            late = queue.figures().late
            assert 0 <= len(done) + books.removed - books.accepted <= late * LONGEST_RUN
        else:
            assert len(done) + books.removed == books.accepted
            assert not fifo or all(lane == sorted(lane) for lane in lanes(done))
            assert queue.troubles() == []
            # Whose key isn't free was done, and the others may be sent again.
            assert books.send(connection, names) == sorted(done)
            queue.await_drained()
            assert sorted(books.done) == names
    report(accepted=len(names), purged=books.removed)


def waiting(figures):
    return figures.ready + figures.parked


def lanes(names):
    return [[each for each in names if int(each) % ORDERING_KEYS == key] for key in range(ORDERING_KEYS)]
