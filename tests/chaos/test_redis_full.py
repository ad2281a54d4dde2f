"""A server that is full while messages are sent to it and worked on."""

from __future__ import annotations

import time
from collections import defaultdict
from contextlib import closing
from threading import Event

import pytest

from headworks.brokers.redis.acceptance import Acceptance, Offer
from headworks.brokers.redis.memory_mark import MemoryMark
from headworks.errors import Retry
from headworks.message import encode
from tests.contract.test_redis_worker_outages import commands
from tests.support.declarations import SECOND, a_message
from tests.support.patience import until
from tests.support.redis_workers import WorkedQueue
from tests.support.valkey import running

FULL = ("--maxmemory", "8mb", "--maxmemory-policy", "noeviction")
BODY = "x" * 50_000
ORDERING_KEYS, A_CALL, WORKERS = 3, 5, 2
# A worker looks ten times a second, with two calls.
A_WHILE, MOST_IDLE_CALLS = 0.3, 50


@pytest.fixture
def server(tmp_path):
    with running("valkey-9", tmp_path, *FULL) as server:
        yield server


class Sender:
    """Somebody who sends whatever the answers are, and keeps count of them."""

    def __init__(self, queue, mark):
        self._queue = queue
        self._acceptance = Acceptance(
            queue.keys, queue.queue.consumers, window=SECOND * 60, fifo=True, mark=mark, scripts=queue.scripts
        )
        self.accepted, self.errors = [], []

    def send(self):
        first = len(self.accepted) + len(self.errors)
        offers = [self._offer(n) for n in range(first, first + A_CALL)]
        answers = self._queue.connection.run(self._acceptance.enqueue(offers))
        for offer, answer in zip(offers, answers, strict=True):
            if answer.error:
                self.errors.append(answer.error)
            else:
                self.accepted.append(offer.key)

    def _offer(self, number):
        name, ordering_key = f"{number:06}", f"o{number % ORDERING_KEYS}"
        message = a_message(
            b'["%s", "%s"]' % (name.encode(), BODY.encode()), idempotency_key=name, ordering_key=ordering_key
        )
        return Offer(id=message.id, key=name, body=encode(message), ordering_key=ordering_key)


@pytest.mark.parametrize(
    ("share", "whys"),
    [(0.8, ("over 80% no message is accepted", "OOM")), (2.0, ("OOM",))],
    ids=["over its mark", "full"],
)
def test_a_full_server_refuses_is_drained_and_takes_messages_again(server, share, whys, rounds, report):
    if rounds == 1 and share < 1:
        pytest.skip("make chaos has the time for this: a mark is looked for once a second")
    opened, done, failed = Event(), defaultdict(list), set()

    def handle(message):
        name = message.data[0]
        opened.wait()
        # A retry takes a second, of which `make test` has none.
        if rounds > 1 and name.endswith("7") and name not in failed:
            failed.add(name)
            raise Retry("no luck")
        done[int(name) % ORDERING_KEYS].append(name)

    with closing(WorkedQueue(server, fifo=True)) as queue:
        sender = Sender(queue, MemoryMark(share))
        for _ in range(WORKERS):
            queue.start(handle)
        for _ in range(rounds):
            refused = len(sender.errors)
            opened.clear()
            while len(sender.errors) < refused + 5 * A_CALL:
                sender.send()
            accepted = len(sender.accepted)
            opened.set()
            until(
                lambda accepted=accepted: sender.send() or len(sender.accepted) > accepted + 10 * A_CALL,
                what="it takes messages again",
            )
        queue.await_drained()
        calls, began = commands(server), time.monotonic()
        until(lambda: time.monotonic() - began > A_WHILE, what="a while without work is over")

        assert commands(server) - calls < MOST_IDLE_CALLS
        assert queue.troubles() == []
    assert all(any(why in each for why in whys) for each in sender.errors)
    assert any(whys[0] in each for each in sender.errors)
    assert sorted(each for names in done.values() for each in names) == sender.accepted
    assert all(names == sorted(names) for names in done.values())
    assert failed or rounds == 1
    report(accepted=len(sender.accepted), refused=len(sender.errors))
