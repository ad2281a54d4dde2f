"""What is on Redis is told each minute, of the queues that travel over it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headworks.brokers.redis.upkeep import Figures
from headworks.errors import Unavailable
from headworks.ledger.catalogue import Address
from headworks.telemetry import Action
from headworks.testing.events import FakeContext
from headworks.topology import Topology
from tests.functional.wake_waiting.test_pauses import NoReplays
from tests.support.declarations import SECOND, a_queue
from wake_waiting.backlogs import Backlogs
from wake_waiting.rounds import Rounds

MINUTE = timedelta(minutes=1)
CLICKS = a_queue(name="clicks", consumers=("count_click", "store_click"), transport="redis")
LETTERS = a_queue(name="letters", consumers=("post_letter",))
TIMES = ("oldest", "next_due", "paused")
COUNT, STORE = Address("clicks", "count_click"), Address("clicks", "store_click")


class FakeOnRedis:
    """Has the numbers of some consumers, and none of the others."""

    def __init__(self):
        self.found = {}
        self.down = False

    def figures(self, addresses):
        if self.down:
            raise Unavailable("Redis", "it is down")
        return {each: self.found[each] for each in addresses if each in self.found}


class Stand:
    """Queues of both kinds, and what is told of them."""

    def __init__(self, clock, log):
        self.told, self.on_redis = {}, FakeOnRedis()
        self.backlogs = Backlogs(
            topology=Topology(queues=(CLICKS, LETTERS)),
            on_redis=self.on_redis,
            gauge=self._gauge,
            clock=clock,
            log=log,
        )

    def _gauge(self, values, *, service, queue):
        self.told[queue, service] = values

    def go(self):
        self.told.clear()
        self.backlogs.go(remaining=lambda: MINUTE)
        return self.told


@pytest.fixture
def stand(clock, log):
    return Stand(clock, log)


def figures(**numbers):
    none = {name: 0 for name in Figures.__struct_fields__ if name not in TIMES}
    return Figures(**(none | dict.fromkeys(TIMES) | numbers))


def test_an_empty_queue_is_told_too_so_that_silence_says_something(stand):
    stand.on_redis.found = {COUNT: figures(), STORE: figures()}

    assert stand.go() == {
        ("clicks", "count_click"): {"Backlog": 0, "OldestAge": 0},
        ("clicks", "store_click"): {"Backlog": 0, "OldestAge": 0},
    }


def test_what_waits_for_its_time_is_no_backlog_and_all_else_is(stand, clock):
    now = clock.now()
    stand.on_redis.found = {
        COUNT: figures(ready=1, pending=20, due=700, overdue=300, parked=4000, oldest=now - MINUTE)
    }

    assert stand.go() == {("clicks", "count_click"): {"Backlog": 4321, "OldestAge": 60}}


def test_what_is_overdue_is_as_old_as_it_is_late(stand, clock):
    now = clock.now()
    stand.on_redis.found = {
        COUNT: figures(due=1, overdue=1, oldest=now - SECOND, next_due=now - MINUTE),
        STORE: figures(due=1, oldest=now - SECOND, next_due=now - MINUTE),
    }

    told = stand.go()

    assert told["clicks", "count_click"]["OldestAge"] == 60
    assert told["clicks", "store_click"]["OldestAge"] == 1


def test_a_server_whose_clock_is_ahead_makes_nothing_younger_than_new(stand, clock):
    stand.on_redis.found = {COUNT: figures(ready=1, oldest=clock.now() + SECOND)}

    assert stand.go()["clicks", "count_click"] == {"Backlog": 1, "OldestAge": 0}


def test_where_redis_does_not_answer_the_round_goes_on_and_nothing_is_told(stand, log):
    stand.on_redis.down = True

    Rounds([], replays=NoReplays(), beside=[stand.backlogs], log=log).go({}, FakeContext())

    assert stand.told == {}
    [(action, told)] = log.lines
    assert action is Action.TROUBLE
    assert told["what"] == "the numbers of queues on Redis aren't told this minute"
