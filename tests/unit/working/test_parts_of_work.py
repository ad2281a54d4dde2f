"""What a worker is made of: time, stock, prefetch, signals, health, heartbeat."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta

import pytest

from headworks.brokers.redis.delivered import Received
from headworks.errors import Unavailable
from headworks.working.allowance import Allowance
from headworks.working.health import LONGEST_SILENCE_SECONDS, Health
from headworks.working.heartbeat import Heartbeat
from headworks.working.prefetch import LARGEST, STARTED_WITHIN_SECONDS, Prefetch
from headworks.working.signal import Signal
from headworks.working.stock import Stock
from headworks.working.tally import PUBLISH_EVERY_SECONDS, Tally
from tests.support.patience import until

PATIENCE_SECONDS = 20


class Seconds:
    """A monotonic clock that a test moves."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def seconds():
    return Seconds()


def test_a_run_has_what_is_left_of_its_time_and_what_it_asked_for(seconds):
    allowance = Allowance(timedelta(seconds=30), seconds)
    seconds.now += 10

    assert allowance.remaining() == timedelta(seconds=20)
    allowance.extend(timedelta(seconds=5))
    assert allowance.remaining() == timedelta(seconds=25)
    seconds.now += 60
    assert allowance.remaining() == timedelta(0)


def test_a_run_cannot_be_given_less_than_it_has(seconds):
    with pytest.raises(ValueError, match="can't be extended by"):
        Allowance(timedelta(seconds=30), seconds).extend(timedelta(seconds=-1))


def test_time_that_was_extended_is_not_used_up_when_it_would_have_been(seconds):
    used_up = []

    class Loop:
        """Calls later when it is told that later is now."""

        def call_later(self, wait, call, *arguments):
            self.wait, self.due = wait, lambda: call(*arguments)

    loop, allowance = Loop(), Allowance(timedelta(seconds=30), seconds)
    allowance.watch(loop, lambda: used_up.append(True))
    allowance.extend(timedelta(seconds=10))
    seconds.now += 30
    loop.due()

    assert (used_up, allowance.is_used_up, loop.wait) == ([], False, 10)
    seconds.now += 10
    loop.due()
    assert (used_up, allowance.is_used_up) == ([True], True)


class Leases:
    """Deliveries, as far as a stock knows them."""

    def __init__(self, *entries):
        self.held = dict.fromkeys(entries, 1)
        self.lost = set()

    def extend(self):
        for entry in self.lost:
            self.held.pop(entry, None)
        return frozenset(self.lost)
        yield


def received(entry, deadline):
    return Received(entry, 1, entry.decode(), b"1", deadline)


def run(operation):
    try:
        next(operation)
    except StopIteration:
        return


def test_what_is_past_its_deadline_is_started_only_once_the_lease_was_renewed(seconds):
    leases = Leases(b"1-1", b"1-2")
    stock = Stock(leases, timedelta(seconds=10), seconds)
    first, second = received(b"1-1", 109.0), received(b"1-2", 109.0)
    assert stock.may_start(first)
    seconds.now = 110

    assert not stock.may_start(first)
    leases.lost = {b"1-2"}
    run(stock.renew())
    assert (stock.may_start(first), stock.may_start(second)) == (True, False)
    assert stock.size == 1
    seconds.now = 119
    assert not stock.may_start(first)


def test_prefetch_grows_while_handlers_are_faster_and_shrinks_when_messages_wait(seconds):
    prefetch = Prefetch(None, concurrency=5, now=seconds)
    for _ in range(10):
        prefetch.room_wanted()
        prefetch.room_found()
        seconds.now += 0.01
        prefetch.came(prefetch.size)
    assert prefetch.size == LARGEST

    prefetch.came(3)
    assert prefetch.size == LARGEST, "what came was all there was: that says nothing of handlers"
    for _ in range(20):
        prefetch.room_wanted()
        seconds.now += 2 * STARTED_WITHIN_SECONDS
        prefetch.room_found()
        prefetch.came(1)
    assert prefetch.size == 5


def test_prefetch_stays_where_a_batch_takes_a_while_but_no_message_waits_for_long(seconds):
    prefetch = Prefetch(None, concurrency=5, now=seconds)
    for _ in range(10):
        prefetch.room_wanted()
        seconds.now += 0.7 * STARTED_WITHIN_SECONDS
        prefetch.room_found()
        prefetch.came(prefetch.size)

    assert prefetch.size == 10


def test_a_prefetch_that_was_given_stays(seconds):
    prefetch = Prefetch(7, concurrency=5, now=seconds)
    prefetch.came(7)

    assert prefetch.size == 7


def test_a_signal_wakes_as_many_as_it_is_given_to():
    async def play():
        signal, woken = Signal(), []

        async def waits(name):
            await signal.wait()
            woken.append(name)

        tasks = [asyncio.create_task(waits(name)) for name in "abc"]
        await asyncio.sleep(0)
        signal.give_to(1)
        await tasks[0]
        some = woken.copy()
        signal.give()
        await asyncio.gather(*tasks)
        return some, woken

    assert asyncio.run(play()) == (["a"], ["a", "b", "c"])


def test_whoever_waits_for_a_signal_waits_no_longer_than_it_said():
    async def play():
        signal = Signal()
        await signal.wait(0.001)
        signal.give()

    asyncio.run(asyncio.wait_for(play(), PATIENCE_SECONDS))


@pytest.mark.parametrize(
    ("changed", "is_well"),
    [
        ({}, True),
        ({"is_running": False}, False),
        ({"heartbeat_is_alive": False}, False),
        ({"seconds_since_fetch": LONGEST_SILENCE_SECONDS + 1}, False),
        # Who has its hands full needn't fetch.
        ({"seconds_since_fetch": LONGEST_SILENCE_SECONDS + 1, "held": 3}, True),
    ],
)
def test_a_worker_is_well_if_it_does_what_it_is_there_for(changed, is_well):
    fields = {
        "is_running": True,
        "active": 0,
        "held": 0,
        "heartbeat_is_alive": True,
        "seconds_since_fetch": 1.0,
    }

    assert Health(**{**fields, **changed}).is_well is is_well


def test_a_heart_that_fails_beats_on_and_tells_of_it_once(log):
    beats, enough = [], threading.Event()

    def beat():
        beats.append(True)
        if len(beats) == 5:
            enough.set()
        if len(beats) in (1, 2, 3):
            raise Unavailable("Redis", "away")

    heart = Heartbeat(beat, lease=timedelta(seconds=0.04), log=log, queue="orders")
    heart.start()
    assert enough.wait(PATIENCE_SECONDS)
    heart.stop()

    assert len(log.lines) == 1
    assert not heart.is_alive


def test_a_heart_that_has_not_beaten_for_a_lease_is_dead(seconds, log):
    stuck = threading.Event()
    heart = Heartbeat(stuck.wait, lease=timedelta(seconds=0.04), log=log, queue="orders", now=seconds)
    heart.start()
    until(lambda: heart.is_alive, what="it lives")

    seconds.now += 1
    assert not heart.is_alive
    stuck.set()
    heart.stop()


def test_outcomes_are_published_together_every_ten_seconds_and_at_the_end(seconds):
    told = []
    tally = Tally(lambda outcomes, durations: told.append((dict(outcomes), list(durations))), seconds)
    tally.add_one("Done", 1.5)
    tally.add({"Done": 2, "Retry": 1}, [2.0])
    tally.publish()
    assert not told

    seconds.now += PUBLISH_EVERY_SECONDS
    tally.publish()
    tally.publish(at_once=True)
    assert told == [({"Done": 3, "Retry": 1}, [1.5, 2.0])]
    tally.add_one("Dead", 3.0)
    tally.publish(at_once=True)
    assert told[1:] == [({"Dead": 1}, [3.0])]


def test_nothing_is_logged_by_a_heart_that_beats(log):
    beaten = threading.Event()
    heart = Heartbeat(beaten.set, lease=timedelta(seconds=0.04), log=log, queue="orders")
    heart.start()
    assert beaten.wait(PATIENCE_SECONDS)
    heart.stop()

    assert not log.lines
