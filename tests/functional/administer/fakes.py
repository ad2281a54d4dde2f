"""Stand-ins for those who do what operators ask for: they keep what they were asked."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta

from headworks.errors import Unavailable
from headworks.operations.control import (
    Changed,
    ConsumerStats,
    Fate,
    Pause,
    Processed,
    Purged,
    Rates,
    SourceStats,
)
from headworks.operations.finding import Found
from headworks.operations.replays import Replay, ReplayConflict, Skipped, Standing


class FakeStatistics:
    """Knows the same of every consumer, but nothing of those that are `down`."""

    def __init__(self, topology):
        self._topology = topology
        self.down = set()

    def of_queues(self, queues):
        return {queue.name: [self._of(each) for each in queue.consumers] for queue in queues}

    def of_sources(self):
        return [SourceStats(name=source.name, held=3) for source in self._topology.sources]

    def _of(self, consumer):
        if consumer in self.down:
            return ConsumerStats(consumer=consumer, dead=2, trouble=("SQS doesn't answer.",))
        return ConsumerStats(
            consumer=consumer,
            pending=5,
            dead=2,
            oldest_age=timedelta(seconds=90),
            rates=Rates(done=1.5, retried=0, dead=0.2),
        )


class FakeFinder:
    """Knows what it is told, by name."""

    def __init__(self):
        self.down = False
        self.known = defaultdict(Found)

    def find(self, name):
        if self.down:
            raise Unavailable("the ledger", "down")
        return self.known[name]


class FakePauses:
    """Pauses in a dictionary."""

    def __init__(self, clock):
        self._clock = clock
        self.down = False
        self.paused = {}

    def pause(self, addresses, *, by, reason):
        return [self._pause(each, by, reason, address=each) for each in addresses]

    def resume(self, addresses):
        return [self._resume(each, address=each) for each in addresses]

    def pause_source(self, source, *, by, reason):
        return self._pause(source, by, reason, source=source)

    def resume_source(self, source):
        return self._resume(source, source=source)

    def of_consumers(self):
        return {name: pause for name, pause in self.paused.items() if not isinstance(name, str)}

    def of_sources(self):
        return {name: pause for name, pause in self.paused.items() if isinstance(name, str)}

    def _pause(self, name, by, reason, **what):
        if self.down:
            raise Unavailable("the event source mapping", "a change of it is in progress")
        changed = name not in self.paused
        pause = self.paused.setdefault(name, Pause(since=self._clock.now(), by=by, reason=reason))
        return Changed(**what, paused=pause, changed=changed)

    def _resume(self, name, **what):
        return Changed(**what, paused=None, changed=self.paused.pop(name, None) is not None)


class FakeOnDemand:
    """Processes one message well and one badly, whatever it is asked."""

    def __init__(self):
        self.asked = []

    def process(self, address, *, batch_size, remaining):
        self.asked.append((address, batch_size, remaining()))
        return Processed(fates={"m-1": Fate.DONE, "m-2": Fate.FAILED, "m-3": Fate.UNKNOWN}, unfinished=True)


class FakePurging:
    """Finds three messages to purge, whatever it is asked."""

    def __init__(self, clock):
        self._clock = clock
        self.asked = []

    def purge(self, addresses, *, before, remaining):
        self.asked.append((addresses, before, remaining()))
        return Purged(purged=3, kept=0, in_flight=1, more=True, before=before or self._clock.now())


class FakeReplays:
    """Replays that send one message whenever they are worked at, and end after `messages`."""

    def __init__(self, clock):
        self._clock = clock
        self.messages = 1
        self.replays = {}

    def count(self, request):
        return Replay(
            request=request,
            asked_at=self._clock.now(),
            standing=Standing.DRY_RUN,
            selected=self.messages,
            ordering_keys=1,
            notes=("What was processed after a dead letter stays processed.",),
        )

    def start(self, request):
        known = self.replays.get(request.id)
        if known is not None and known.request != request:
            raise ReplayConflict(f"{request.id} is a replay that asks for something else")
        new = Replay(request=request, asked_at=self._clock.now(), standing=Standing.RUNNING)
        return self.replays.setdefault(request.id, known or new)

    def work(self, id_, *, remaining):
        replay = self.replays[id_]
        sent = replay.sent + 1
        ended = sent >= self.messages
        self.replays[id_] = replace(
            replay,
            sent=sent,
            skipped=Skipped(completed=2),
            standing=Standing.FINISHED if ended else Standing.RUNNING,
            ended_at=self._clock.now() if ended else None,
        )
        return self.replays[id_]

    def find(self, id_):
        return self.replays.get(id_)

    def stop(self, id_, *, because):
        replay = self.replays.get(id_)
        if replay is None:
            return None
        self.replays[id_] = replace(
            replay, standing=Standing.STOPPED, stopped_because=because, ended_at=self._clock.now()
        )
        return self.replays[id_]

    def running(self):
        return [each for each in self.replays.values() if each.standing is Standing.RUNNING]
