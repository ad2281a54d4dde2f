"""Workers of a queue on a real Redis, in threads of the test."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta
from uuid import uuid4

from headworks.brokers.redis.acceptance import Acceptance, Offer
from headworks.brokers.redis.connection import Connection
from headworks.brokers.redis.dead_stream import DeadStream
from headworks.brokers.redis.deliveries import Deliveries
from headworks.brokers.redis.keys import Keys
from headworks.brokers.redis.operation import command
from headworks.brokers.redis.upkeep import Upkeep
from headworks.message import encode
from headworks.testing.log import RecordingLog
from headworks.worker import Worker
from headworks.working.parts import RedisParts
from tests.support.declarations import a_message, a_queue
from tests.support.guarded_scripts import guarded_scripts
from tests.support.patience import until

PATIENCE_SECONDS = 20


class WorkedQueue:
    """A queue that nobody else has, and workers of its consumers: figures are of the first."""

    def __init__(self, server, **declared):
        self.queue = a_queue(**declared)
        self.server = server
        self.namespace = str(uuid4())
        self.keys = Keys(self.queue.name, self.namespace)
        self.of = self.keys.of(self.queue.consumers[0])
        self.log = RecordingLog()
        self.counted = Counter()
        self.exited = []
        self.scripts = guarded_scripts()
        self.connection = Connection(server.address)
        self._started = []

    def close(self):
        for worker, thread in self._started:
            worker.stop()
            worker.stop()
            thread.join(PATIENCE_SECONDS)
        self.connection.close()

    def send(self, *names, ordering_key="one", body=None, delay=0, **fields):
        acceptance = Acceptance(
            self.keys,
            self.queue.consumers,
            window=timedelta(hours=1),
            fifo=self.queue.fifo,
            scripts=self.scripts,
        )
        offers = [self._offer(name, ordering_key, body, fields) for name in names]
        self.connection.run(acceptance.enqueue(offers, delay=timedelta(seconds=delay)))

    def _offer(self, name, ordering_key, body, fields):
        key = ordering_key if self.queue.fifo else None
        message = a_message(b'"%s"' % name.encode(), idempotency_key=name, ordering_key=key, **fields)
        return Offer(
            id=message.id,
            key=name,
            body=encode(message).encode() if body is None else body,
            ordering_key=key,
        )

    def worker(self, handle, *, lease=30.0, address=None, lasting=None, **options):
        parts = RedisParts(
            address=address or self.server.address,
            log=self.log,
            counts=lambda outcomes, _durations: self.counted.update(outcomes),
            namespace=self.namespace,
            lease=timedelta(seconds=lease),
            lasting=lasting,
            scripts=self.scripts,
            exit_process=self.exited.append,
        )
        return Worker(self.queue, handle, parts=parts, **{"poll": timedelta(seconds=0.1), **options})

    def start(self, handle, **options):
        """A worker at work in a thread."""
        return self.started(self.worker(handle, **options))

    def started(self, worker):
        thread = threading.Thread(target=worker.run, daemon=True)
        thread.start()
        self._started.append((worker, thread))
        until(lambda: worker.is_running, what="the worker runs")
        return worker

    def end(self, worker):
        """Stop a worker, and wait for its end."""
        worker.stop()
        [thread] = [thread for each, thread in self._started if each is worker]
        thread.join(PATIENCE_SECONDS)
        assert not thread.is_alive(), "the worker doesn't end"

    def figures(self):
        return self.connection.run(Upkeep(self.keys, self.queue.consumers[0]).figures())

    @property
    def is_drained(self):
        left = self.figures()
        return not any((left.ready, left.pending, left.due, left.parked, left.ordering_keys))

    def await_drained(self):
        until(lambda: self.is_drained, what="all is done", seconds=PATIENCE_SECONDS)

    def hurry_until(self, holds, *, what):
        """As if whatever waits were due, until something has come about."""

        def look():
            for message_id in self._ask("ZRANGE", self.of.due, 0, -1):
                self._ask("ZADD", self.of.due, "XX", 1, message_id)
            return holds()

        until(look, what=what, seconds=PATIENCE_SECONDS)

    def _ask(self, *arguments):
        return self.connection.run(_command(arguments))

    def letters(self):
        return self.connection.run(DeadStream(self.of).page(limit=100)).letters

    def other_process(self, name="another", *, lease=30):
        """Somebody else's deliveries of the same consumer."""
        seconds = timedelta(seconds=lease)
        return Deliveries(self.of, name, lease=seconds, fifo=self.queue.fifo, scripts=self.scripts)

    def troubles(self):
        return [fields["what"] for action, fields in self.log.lines if action == "trouble"]


def _command(arguments):
    return (yield command(*arguments))
