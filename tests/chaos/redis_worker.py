"""A consumer's process that is there to be killed: takes, writes its effects down, settles.

    python -m tests.chaos.redis_worker PORT QUEUE WITNESS

A line of the witness is in the file before the message is settled: `run`, `effect` or `fails`,
the message's id, its crashes, and the process.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from headworks.brokers.redis.address import Address
from headworks.brokers.redis.connection import Connection
from headworks.brokers.redis.delivered import Finished, Waits
from headworks.brokers.redis.deliveries import Deliveries
from headworks.brokers.redis.keys import Keys
from headworks.errors import Unavailable
from headworks.ledger.ledger import Failure
from tests.support.valkey import PASSWORD, USER

LEASE = timedelta(seconds=1)
FAILS = 0.03
PREFETCH = 20


class Worker:
    """One process, until it is killed."""

    def __init__(self, port: int, queue: str, witness: str) -> None:
        self._address = Address(host="127.0.0.1", port=port, credentials=lambda: (USER, PASSWORD))
        self._connection = Connection(self._address)
        self._deliveries = Deliveries(Keys(queue).of("handle"), f"{os.getpid()}", lease=LEASE, fifo=True)
        self._witness = os.open(witness, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self._random = random.Random(os.getpid())  # noqa: S311 - luck, no secret

    def work(self) -> None:
        threading.Thread(target=self._keep_alive, daemon=True).start()
        while True:
            try:
                fetched = self._connection.run(self._deliveries.fetch(PREFETCH, block=0.2, idle=True))
                self._handle(fetched.deliveries)
            except Unavailable:
                continue

    def _handle(self, deliveries) -> None:
        blocked: set[str] = set()
        too_late = []
        for received in deliveries:
            if received.ordering_key in blocked:
                continue
            if not self._deliveries.may_start(received):
                too_late.append(received)
                continue
            self._tell("run", received)
            fails = self._random.random() < FAILS
            self._tell("fails" if fails else "effect", received)
            if fails:
                blocked.add(received.ordering_key)
            self._settle(_failed(received) if fails else Finished(received))
        if too_late:
            self._connection.run(self._deliveries.hand_back(too_late))

    def _settle(self, verdict) -> None:
        # What can't be told now is told later: the rest of the batch is ours all the same.
        with suppress(Unavailable):
            self._connection.run(self._deliveries.settle([verdict]))

    def _tell(self, what: str, received) -> None:
        line = f"{what} {received.message_id} {received.crashes} {os.getpid()}\n"
        os.write(self._witness, line.encode())

    def _keep_alive(self) -> None:
        with Connection(self._address) as connection:
            while True:
                time.sleep(LEASE.total_seconds() / 4)
                try:
                    connection.run(self._deliveries.extend())
                except Unavailable:
                    continue


def _failed(received) -> Waits:
    attempt = received.past.attempts + 1
    failure = Failure(attempt=attempt, at=datetime.now(UTC), error_type="Unlucky", error="no luck")
    return Waits(received, 50, received.past.after(failure, sent_at=received.sent_at))


if __name__ == "__main__":
    Worker(int(sys.argv[1]), sys.argv[2], sys.argv[3]).work()
