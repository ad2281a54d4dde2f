"""A queue on a real Redis whose dead letters are in a ledger, who takes its messages, and who puts them back."""

from __future__ import annotations

import threading
from datetime import timedelta

from headworks.brokers.redis.putting_back import WayBack
from headworks.ledger.ledger import State
from headworks.operations.replay_store import MemoryReplayStore
from headworks.operations.replaying import ReplayParts, StoredReplays
from headworks.retry import RetryPolicy
from headworks.topology import Topology
from headworks.worker import Worker
from tests.support.declarations import SECOND
from tests.support.patience import until
from tests.support.redis_drain import Drained
from tests.support.replays import a_request, named

TAKERS = ("drain", "worker")
TWICE = RetryPolicy(delays=(SECOND,), jitter=0)


class Replayed:
    """A consumer whose handler does what `does` says, in drains or in a worker, and its operator."""

    def __init__(self, server, clock, log, ledgers, taker, **declared):
        self.clock, self.ledgers = clock, ledgers
        self.seen, self.does = [], fail
        self.drained = Drained(
            server, clock, log, self._handle, ledger=ledgers.ledger, **{"retry": TWICE, **declared}
        )
        self.queue = self.drained.queue
        self._taker = taker
        self._worker = None
        self.way_back = WayBack(
            self.queue,
            self.drained.of,
            self.drained.connection,
            from_ledger=True,
            scripts=self.drained.scripts,
        )
        self.replays = StoredReplays(
            ReplayParts(
                topology=Topology(queues=(self.queue,)),
                catalogue=ledgers.catalogue,
                dead_letters=lambda _: ledgers.dead_letters,
                broker=lambda _: self.way_back,
                claim_check=lambda _: None,
                store=MemoryReplayStore(),
                clock=clock,
                log=log,
                pause=lambda seconds: clock.advance(timedelta(seconds=seconds)),
            )
        )

    def _handle(self, message, context):
        self.seen.append((message, context))
        self.does(message)

    def close(self):
        self.stop()
        self.drained.close()

    def die(self, *keys, **fields):
        """Have messages sent, and die."""
        self.drained.send(*keys, **fields)
        for key in keys:
            self.take_until(key, State.DEAD)
        self.seen.clear()
        self.clock.advance(SECOND)

    def take_until(self, key, state):
        """Take messages until one stands so; what waits is due at once."""

        def stands_so():
            self.clock.advance(SECOND)
            self.drained.let_waits_end()
            self._take()
            return self.state(key) is state

        until(stands_so, what=f"{key} is {state}")

    def take_once(self):
        """Take what there is, until it has come to some end."""
        self._take()
        until(lambda: self.drained.left()[:2] == (0, 0), what="nothing is ready or at work")

    def take_all(self):
        """Take messages until nothing is left, not even something that waits."""

        def is_empty():
            self.clock.advance(SECOND)
            self.drained.let_waits_end()
            self._take()
            return self.drained.left() == (0, 0, 0)

        until(is_empty, what="nothing is left")

    def _take(self):
        if self._taker == "drain":
            self.drained.drain(seconds=0.05)
        elif self._worker is None:
            poll = timedelta(seconds=0.05)
            worker = Worker(self.queue, self._handle, parts=self.drained.parts, clock=self.clock, poll=poll)
            thread = threading.Thread(target=worker.run, daemon=True)
            thread.start()
            self._worker = worker, thread

    def stop(self):
        if self._worker is not None:
            worker, thread = self._worker
            self._worker = None
            until(lambda: worker.is_running, what="the worker runs")
            worker.stop()
            thread.join(20)

    def replay(self, *keys, **fields):
        """Put these back, and answer how the replay stands."""
        request = a_request(named(*keys), **fields)
        self.replays.start(request)
        return self.work(request.id)

    def work(self, id_):
        return self.replays.work(id_, remaining=lambda: 20 * SECOND)

    def state(self, key):
        story = self.story(key)
        return story and story.listed.state

    def story(self, key):
        found = self.ledgers.catalogue.find(key, [self.ledgers.address])
        return found[0] if found else None


def fail(message):
    raise ValueError(f"no such order: {message.data['n']}")


def do_well(_):
    """The effect happens."""
