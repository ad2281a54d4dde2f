"""What operators see of queues on Redis, and do with them, on each kind of server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from headworks.brokers.redis.address import address_of
from headworks.brokers.redis.broker import RedisSender
from headworks.brokers.redis.connection import Connection
from headworks.brokers.redis.purging import Removed
from headworks.brokers.redis.putting_back import WayBack
from headworks.errors import Unavailable
from headworks.ledger.catalogue import Address
from headworks.ledger.interventions import MemoryInterventions
from headworks.ledger.ledger import Entry, Failure, Letter, State
from headworks.ledger.memory import MemoryLedger
from headworks.ledger.memory_catalogue import MemoryCatalogue
from headworks.operations.control import Pause
from headworks.operations.keyed_finder import KeyedFinder
from headworks.operations.on_redis import OnRedis
from headworks.operations.pausing import paused_on_redis
from headworks.operations.purging_redis import Choice
from headworks.producer import Outgoing, Producer
from headworks.testing.clock import NEW_YEAR, MovingClock
from headworks.testing.deduplication import MemoryAcceptances, MemoryDeduplication
from headworks.testing.log import RecordingLog
from headworks.topology import Topology
from tests.support.declarations import a_queue
from tests.support.guarded_scripts import guarded_scripts

CONSUMERS = ("store_event", "count_event")


class Stand:
    """A queue with two consumers, and who operates it."""

    def __init__(self, make, server, *, fifo=False, consumers=CONSUMERS):
        self.queue = make(consumers=consumers, fifo=fifo)
        self.declared = a_queue(name=self.queue.keys.queue, consumers=consumers, fifo=fifo, transport="redis")
        self.store, self.count = (Address(self.declared.name, each) for each in CONSUMERS)
        self.connection = Connection(server.address)
        self.clock = MovingClock()
        self.ledger = MemoryLedger(self.clock)
        self.sender = RedisSender(
            self.declared, self.connection, self.queue.keys, scripts=guarded_scripts(), clock=self.clock
        )
        self.on_redis = OnRedis([self.declared], lambda: self.connection, scripts=guarded_scripts())

    def send(self, *keys, lane="a", **how):
        """The ids that these were accepted under."""
        producer = Producer(
            self.declared,
            self.sender,
            log=RecordingLog(),
            transport_waits=True,
            clock=self.clock,
            ledgers=[self.ledger],
        )
        outgoing = [
            Outgoing(data={}, type="t", source="shop", idempotency_key=key, ordering_key=lane) for key in keys
        ]
        return [each.message_id for each in producer.send_batch(outgoing, **how)]

    def find(self, name):
        finder = KeyedFinder(
            topology=Topology(queues=(self.declared,)),
            acceptances=MemoryAcceptances({self.declared.name: MemoryDeduplication()}),
            catalogue=MemoryCatalogue(
                {
                    Address(self.declared.name, each): self.ledger
                    if each == "store_event"
                    else MemoryLedger(self.clock)
                    for each in self.declared.consumers
                },
                self.clock,
            ),
            on_redis=self.on_redis,
            clock=self.clock,
        )
        return finder.find(name)

    def purge(self, address, *, before=None, goes_on=lambda: True):
        self.clock.advance(timedelta(seconds=1))
        choice = Choice(
            queue=self.declared,
            interventions=MemoryInterventions(self.ledger),
            before=before or self.clock.now(),
        )
        return self.on_redis.purge(address, choice, goes_on=goes_on)


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


def test_what_has_waited_long_enough_and_nobody_takes_is_overdue(make):
    stand = make()
    stand.queue.send("a", "b", delay=60)
    before = stand.on_redis.figures([stand.store])[stand.store]
    stand.queue.let_waits_end(consumer="store_event")

    after = stand.on_redis.figures([stand.store])[stand.store]

    assert [(each.ready, each.due, each.overdue) for each in (before, after)] == [(0, 2, 0), (0, 2, 2)]
    assert after.next_due is not None


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


def test_a_purge_takes_what_is_ready_due_and_parked_and_not_what_somebody_is_at_work_on(make):
    stand = make(fifo=True, consumers=("store_event",))
    ids = stand.send("a1", "a2", "a3", lane="a")
    stand.send("b1", "b2", lane="b")
    stand.send("later", lane="c", delay=timedelta(minutes=5))
    process = stand.queue.process()
    [a1] = process.take(1)

    purged = stand.purge(stand.store)

    assert (a1.message_id, purged) == (ids[0], Removed(removed=5, running=1))
    figures = stand.queue.figures()
    assert (figures.ready, figures.pending, figures.due, figures.parked) == (0, 1, 0, 0)
    assert process.finish(a1) == frozenset()
    assert stand.queue.figures().ordering_keys == 0


def test_the_keys_of_what_was_purged_are_free_and_those_of_what_runs_are_not(make):
    stand = make(consumers=("store_event",))
    running, *_ = stand.send("running", "ready")
    stand.queue.process().take(1)

    stand.purge(stand.store)

    assert stand.send("running") == [running]
    assert stand.queue.figures().ready == 0
    stand.send("ready")
    assert stand.queue.figures().ready == 1


def test_a_purge_of_one_consumer_frees_no_key_since_the_other_one_has_the_message(make):
    stand = make()
    [accepted] = stand.send("k")

    assert stand.purge(stand.store).removed == 1

    assert stand.send("k") == [accepted]
    assert (stand.queue.figures("store_event").ready, stand.queue.figures("count_event").ready) == (0, 1)


def test_what_was_sent_after_the_moment_stays(make):
    stand = make(consumers=("store_event",))
    stand.send("old")
    before = stand.clock.advance(timedelta(seconds=1)) or stand.clock.now()
    stand.send("new")
    stand.send("new and delayed", delay=timedelta(minutes=5))

    assert stand.purge(stand.store, before=before) == Removed(removed=1, spared=2)

    assert (stand.queue.figures().ready, stand.queue.figures().due) == (1, 1)


def test_a_purge_that_runs_out_of_time_says_that_there_is_more(make):
    stand = make(consumers=("store_event",))
    stand.send(*(f"k{n}" for n in range(450)))
    pages = iter([True, True])

    first = stand.purge(stand.store, goes_on=lambda: next(pages, False))
    second = stand.purge(stand.store)

    assert (first, second) == (Removed(removed=400, more=True), Removed(removed=50))


def test_what_a_ledger_leases_goes_only_if_the_ledger_lets_it_go(make):
    stand = make(consumers=("store_event",))
    now, failure = stand.clock.now(), Failure(attempt=1, at=NEW_YEAR, error_type="ValueError", error="no")
    way_back = WayBack(
        stand.declared,
        stand.queue.keys.of("store_event"),
        stand.connection,
        from_ledger=True,
        scripts=guarded_scripts(),
    )
    for key in ("failed", "running"):
        [lease] = stand.ledger.lease(
            [Entry(key=key, message_id=key, type="t", source="shop")], lasts=timedelta(minutes=5)
        )
        if key == "failed":
            stand.ledger.retry(lease, failure, due=now)
        body = f'{{"specversion":"1.0","id":"{key}","type":"t","source":"shop","idempotencykey":"{key}","data":{{}}}}'
        assert way_back.resend(key, Letter(body=body, sent_at=now), delay=timedelta(), sending=1) is None

    purged = stand.purge(stand.store)

    assert purged == Removed(removed=1, spared=1)
    assert MemoryInterventions(stand.ledger).states({"failed", "running"}) == {"running": State.RUNNING}


def test_what_was_accepted_is_found_by_its_key_and_it_is_not_said_whether_it_is_done(make):
    stand = make()
    [accepted] = stand.send("k")

    found = stand.find("k")

    [received] = found.received
    assert (received.message_id, received.key, found.stories, found.queued) == (accepted, "k", (), ())
    assert abs(received.accepted_at - stand.clock.now()) < timedelta(seconds=1)
    assert [address for address, _ in found.accepted] == [stand.store, stand.count]


def test_what_waits_for_its_first_attempt_is_found_by_key_and_by_id(make):
    stand = make(consumers=("store_event",))
    [accepted] = stand.send("k", delay=timedelta(minutes=5))

    for name in ("k", accepted):
        [story] = stand.find(name).stories
        listed = story.listed
        assert (listed.state, listed.attempt, listed.entry.key, listed.entry.source) == (
            State.WAITING,
            0,
            "k",
            "shop",
        )
        assert listed.at is not None
        assert listed.at == story.due


def test_what_waits_for_a_retry_is_found_with_why(make):
    stand = make()
    [accepted] = stand.send("k")
    process = stand.queue.process(consumer="store_event")
    process.fail(*process.take())

    found = stand.find(accepted)

    [story] = found.stories
    assert (story.listed.address, story.listed.state, story.listed.attempt) == (
        stand.store,
        State.RETRYING,
        1,
    )
    assert (story.listed.error, [each.attempt for each in story.history]) == ("attempt 1 failed", [1])
    assert [(each.message_id, each.key) for each in found.received] == [(accepted, "k")]
    assert [address for address, _ in found.accepted] == [stand.count]
    assert [address for address, _ in stand.find("k").accepted] == [stand.count]


def test_what_was_done_after_its_first_owner_was_lost_is_found_as_completed(make):
    stand = make(consumers=("store_event",))
    stand.send("k")
    stand.queue.process("lost").take()
    stand.queue.let_leases_run_out()
    another = stand.queue.process("another")
    another.finish(*another.take())

    [story] = stand.find("k").stories

    assert (story.listed.state, story.listed.entry.key) == (State.COMPLETED, "k")


def test_what_the_ledger_knows_of_a_message_is_told_rather_than_what_redis_does(make):
    stand = make(consumers=("store_event",))
    [accepted] = stand.send("k")
    [lease] = stand.ledger.lease(
        [Entry(key="k", message_id=accepted, type="t", source="shop")], lasts=timedelta(minutes=5)
    )

    found = stand.find("k")

    assert [each.listed.state for each in found.stories] == [State.RUNNING]
    assert (lease.entry.message_id, found.accepted) == (accepted, ())


def test_of_what_nobody_sent_nothing_is_found(make):
    stand = make()
    stand.send("k")

    found = stand.find("another")

    assert (found.received, found.stories, found.queued, found.accepted) == ((), (), (), ())


def test_what_was_put_off_without_a_failed_attempt_waits_for_its_first_one(make):
    stand = make(consumers=("store_event",))
    stand.send("k")
    process = stand.queue.process()
    process.defer(*process.take())

    [story] = stand.find("k").stories

    assert (story.listed.state, story.listed.attempt, story.history) == (State.WAITING, 0, ())


def test_what_is_ordered_is_found_with_its_ordering_key(make):
    stand = make(consumers=("store_event",), fifo=True)
    stand.send("k", delay=timedelta(minutes=5))

    [story] = stand.find("k").stories

    assert story.listed.entry.ordering_key is not None


def test_what_was_taken_back_is_not_found(make):
    stand = make()
    [taken_back] = stand.send("k", delay=timedelta(minutes=5))
    stand.queue.cancel("k")

    for name in ("k", taken_back):
        assert stand.find(name).is_empty


def test_where_redis_does_not_answer_the_rest_is_found_and_it_is_said(make):
    stand = make(consumers=("store_event",))
    stand.ledger.lease(
        [Entry(key="k", message_id="msg_1", type="t", source="shop")], lasts=timedelta(minutes=5)
    )
    nowhere = Connection(address_of("redis://127.0.0.1:1"), patience=0.0)
    stand.on_redis = OnRedis([stand.declared], lambda: nowhere)

    found = stand.find("k")

    assert [each.listed.state for each in found.stories] == [State.RUNNING]
    [trouble] = found.trouble
    assert "What is on Redis isn't known" in trouble
    with pytest.raises(Unavailable):
        stand.find("another")
