"""Dead letters of those who have Redis alone: listed, shown, put back and deleted."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headworks.brokers.redis.dead_letters import RedisDeadLetters
from headworks.errors import Reject
from headworks.ledger.catalogue import Filter
from headworks.outcome import Fault, Reason
from headworks.retry import RetryPolicy
from tests.support.declarations import SECOND
from tests.support.redis_workers import WorkedQueue

TWICE = RetryPolicy(delays=(SECOND,))


class Stand:
    """A worker without AWS, and its operator."""

    def __init__(self, server, **declared):
        self.queue = WorkedQueue(server, retry=TWICE, **declared)
        self.seen, self.does = [], fail
        self.worker = None
        self.dead = RedisDeadLetters(
            self.queue.queue, server.address, namespace=self.queue.namespace, scripts=self.queue.scripts
        )

    def close(self):
        self.dead.close()
        self.queue.close()

    def handle(self, message, context):
        self.seen.append((message.idempotency_key, context.attempt, len(context.history)))
        self.does(message)

    def work_until(self, holds, what):
        self.worker = self.worker or self.queue.start(self.handle)
        self.queue.hurry_until(holds, what=what)

    def rest(self):
        self.queue.end(self.worker)
        self.worker = None

    def die(self, *names, **fields):
        """Have these die, one after the other."""
        for name in names:
            number = len(self.letters()) + 1
            self.queue.send(name, **fields)
            self.work_until(lambda number=number: len(self.letters()) == number, what="it is dead")
        self.rest()
        self.seen.clear()

    def letters(self, **options):
        return self.dead.page(**options).letters

    def keys(self, **fields):
        return [each.letter.key for each in self.letters(only=Filter(**fields))]


def fail(message):
    raise ValueError(f"{message.data} failed")


def do_well(_):
    """The effect happens."""


@pytest.fixture
def make(newest_server):
    made = []

    def make(**declared):
        made.append(Stand(newest_server, **declared))
        return made[-1]

    yield make
    for stand in made:
        stand.close()


@pytest.fixture
def stand(make):
    return make()


def test_a_letter_that_is_put_back_runs_a_fresh_series_with_its_history_and_is_gone(stand):
    stand.die("a")
    stand.does = do_well

    assert stand.dead.put_back([each.place for each in stand.letters()]) == [True]
    assert stand.letters() == ()
    stand.work_until(lambda: stand.queue.is_drained, what="all is done")

    assert stand.seen == [("a", 1, 2)]


def test_one_that_dies_again_tells_all_of_its_attempts_and_which_replay_it_was(stand):
    stand.die("a")
    stand.dead.put_back([stand.letters()[0].place], replay="after the fix")

    stand.work_until(stand.letters, what="it is dead again")

    [kept] = stand.letters(only=Filter(replay="after the fix"))
    letter = kept.letter
    assert stand.seen == [("a", 1, 2), ("a", 2, 3)]
    assert [each.attempt for each in letter.failures] == [1, 2, 3, 4]
    assert (letter.attempts, letter.earlier, letter.replays) == (4, 2, 1)


def test_asked_for_twice_it_runs_once(stand):
    stand.die("a")
    [kept] = stand.letters()
    stand.does = do_well

    assert stand.dead.put_back([kept.place, kept.place]) == [True, False]
    stand.work_until(lambda: stand.queue.is_drained, what="all is done")

    assert len(stand.seen) == 1


def test_one_that_is_deleted_is_put_back_no_more(stand):
    stand.die("a", "b")
    [b, a] = stand.letters()

    assert stand.dead.delete([a.place]) == 1
    assert stand.dead.put_back([a.place]) == [False]
    assert stand.dead.read(a.place) is None
    assert stand.dead.read(b.place) == b


def test_the_filters_are_those_of_the_other_ledgers(stand):
    stand.die("a", tenant="shop-1", type="order.placed")
    stand.does = lambda _: _reject("there is no such customer", fault=Fault.ENDPOINT)
    stand.die("b", tenant="shop-2", type="order.refused")
    died_at = stand.letters()[0].letter.died_at

    assert stand.keys() == ["b", "a"]
    assert stand.keys(reasons=frozenset({Reason.EXHAUSTED})) == ["a"]
    assert stand.keys(fault=Fault.ENDPOINT) == ["b"]
    assert stand.keys(error_type="ValueError") == ["a"]
    assert stand.keys(error="no such customer") == ["b"]
    assert stand.keys(type="order.placed", tenant="shop-1") == ["a"]
    assert stand.keys(key="b", tenant="shop-1") == []
    assert stand.keys(since=died_at) == ["b"]
    assert stand.keys(until=died_at + timedelta(seconds=1), source="nobody") == []


def _reject(why, **fields):
    raise Reject(why, **fields)


def test_on_fifo_it_takes_its_place_at_the_end_of_its_keys_line(make):
    stand = make(fifo=True)
    stand.die("a")
    stand.does = do_well
    stand.queue.send("b", "c")

    stand.dead.put_back([each.place for each in stand.letters()])
    stand.work_until(lambda: stand.queue.is_drained, what="all is done")

    assert [name for name, _, _ in stand.seen] == ["b", "c", "a"]
