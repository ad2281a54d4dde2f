"""What operators see of queues on Redis, and do with them, on each kind of server."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from headworks.brokers.redis.address import address_of
from headworks.brokers.redis.connection import Connection
from headworks.errors import Unavailable
from headworks.ledger.catalogue import Address
from headworks.operations.control import Pause
from headworks.operations.on_redis import OnRedis
from headworks.operations.pausing import paused_on_redis
from tests.support.declarations import a_queue
from tests.support.guarded_scripts import guarded_scripts

CONSUMERS = ("store_event", "count_event")


class Stand:
    """A queue with two consumers, and who operates it."""

    def __init__(self, make, server, *, fifo=False):
        self.queue = make(consumers=CONSUMERS, fifo=fifo)
        self.declared = a_queue(name=self.queue.keys.queue, consumers=CONSUMERS, fifo=fifo, transport="redis")
        self.store, self.count = (Address(self.declared.name, each) for each in CONSUMERS)
        self.connection = Connection(server.address)
        self.on_redis = OnRedis([self.declared], lambda: self.connection, scripts=guarded_scripts())


@pytest.fixture
def make(redis_server, make_queue):
    made = []

    def a_stand(**how):
        made.append(Stand(make_queue, redis_server, **how))
        return made[-1]

    yield a_stand
    for each in made:
        each.connection.close()


def test_each_consumers_numbers_are_its_own(make):
    stand = make()
    stand.queue.send("a", "b", "c")
    stand.queue.send("later", delay=60)
    stand.queue.process(consumer="count_event").take(2)

    figures = stand.on_redis.figures([stand.store, stand.count, Address("elsewhere", "store")])

    assert {address.consumer: (each.ready, each.pending, each.due) for address, each in figures.items()} == {
        "store_event": (3, 0, 1),
        "count_event": (1, 2, 1),
    }


def test_a_server_that_is_not_there_is_unavailable():
    nowhere = Connection(address_of("redis://127.0.0.1:1"), patience=0.0)
    declared = a_queue(name="orders", transport="redis")

    with pytest.raises(Unavailable):
        OnRedis([declared], lambda: nowhere).figures([Address("orders", declared.consumers[0])])


def test_a_paused_consumer_is_handed_nothing_and_the_other_one_goes_on(make):
    stand = make()
    stand.queue.send("a")
    pause = Pause(since=datetime(2026, 1, 2, tzinfo=UTC), by="ada", reason="the shop is down")

    stand.on_redis.pause(stand.store, pause)
    stand.on_redis.pause(stand.store, Pause(since=pause.since, by="bob", reason=None))

    paused = paused_on_redis(stand.on_redis.figures([stand.store])[stand.store])
    assert paused == pause
    assert stand.queue.process(consumer="store_event").ids() == []
    assert stand.queue.process(consumer="count_event").ids() == ["a"]


def test_who_is_resumed_is_handed_what_came_meanwhile(make):
    stand = make()
    stand.on_redis.pause(stand.store, Pause(since=datetime(2026, 1, 2, tzinfo=UTC), by="ada", reason=None))
    stand.queue.send("a")

    resumed = [stand.on_redis.resume(stand.store), stand.on_redis.resume(stand.store)]

    assert resumed == [True, False]
    assert stand.queue.process(consumer="store_event").ids() == ["a"]
