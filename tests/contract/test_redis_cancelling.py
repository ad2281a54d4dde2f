"""Taking back what waits for its delay, on every server that it is promised for."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headworks.brokers.redis.broker import RedisSender
from headworks.brokers.redis.cancelling import cancel
from headworks.brokers.redis.connection import Connection
from headworks.brokers.redis.keys import Keys
from headworks.brokers.redis.putting_back import put_back
from headworks.errors import Unavailable
from headworks.ledger.memory import MemoryLedger
from headworks.producer import Outgoing, Producer
from tests.support.declarations import a_queue
from tests.support.guarded_scripts import guarded_scripts

HOUR = 3600


@pytest.fixture(params=["standard", "FIFO"])
def queue(make_queue, request):
    return make_queue(consumers=("one", "two"), fifo=request.param == "FIFO")


def ids_of_all(queue):
    """What each consumer is given once every wait has ended."""
    given = []
    for consumer in queue.consumers:
        queue.let_waits_end(consumer)
        given.append(queue.process(consumer=consumer).ids())
    return given


def test_what_is_taken_back_comes_to_no_consumer(queue):
    queue.send("a", "b", delay=HOUR)

    assert queue.cancel("a")

    assert ids_of_all(queue) == [["b"], ["b"]]


def test_it_leaves_nothing_behind_but_the_memory_of_it_for_a_while(queue):
    queue.send("a", key="k", delay=HOUR)
    mark = f"{queue.keys.cancelled_prefix}k"

    queue.cancel("k")

    assert queue.everything_left() == [mark, queue.keys.counts]
    assert 0 < queue.admin("PTTL", mark) <= 300_000


def test_its_key_is_free_again(queue):
    queue.send("a", key="k", delay=HOUR)
    queue.cancel("k")

    [again] = queue.send("b", key="k")

    assert not again.duplicate
    assert ids_of_all(queue) == [["b"], ["b"]]


def test_who_asks_again_hears_the_same(queue):
    queue.send("a", key="k", delay=HOUR)

    assert [queue.cancel("k"), queue.cancel("k")] == [True, True]


def test_a_call_whose_answer_was_lost_does_not_take_back_what_was_sent_since(queue):
    queue.send("a", key="k", delay=HOUR)
    [call] = cancel(queue.keys, queue.consumers, "k", scripts=queue.scripts)

    def once():
        return (yield call)

    assert queue.run(once()) == 1
    queue.send("b", key="k", delay=HOUR)
    assert queue.run(once()) == 1

    assert ids_of_all(queue) == [["b"], ["b"]]


def test_what_was_sent_anew_is_taken_back_like_the_first(queue):
    for message_id in ("a", "b"):
        queue.send(message_id, key="k", delay=HOUR)
        assert queue.cancel("k")

    assert ids_of_all(queue) == [[], []]


def test_nothing_is_taken_back_under_a_key_that_was_never_sent(queue):
    assert not queue.cancel("unheard of")


@pytest.mark.parametrize("delay", [0, HOUR])
def test_what_every_consumer_could_have_been_given_stays_and_its_key_stays_taken(queue, delay):
    queue.send("a", key="k", delay=delay)
    assert ids_of_all(queue) == [["a"], ["a"]]

    assert not queue.cancel("k")

    [again] = queue.send("b", key="k")
    assert again.duplicate


def test_who_was_given_it_runs_it_and_the_other_consumer_does_not(queue):
    queue.send("a", key="k", delay=HOUR)
    queue.let_waits_end("one")
    process = queue.process(consumer="one")
    [taken] = process.take()

    assert queue.cancel("k")

    assert process.finish(taken) == frozenset()
    assert ids_of_all(queue) == [[], []]
    [again] = queue.send("b", key="k")
    assert not again.duplicate


def test_what_waits_for_its_second_attempt_stays(queue):
    queue.send("a", key="k")
    for consumer in queue.consumers:
        process = queue.process(consumer=consumer)
        process.fail(*process.take())

    assert not queue.cancel("k")

    assert ids_of_all(queue) == [["a"], ["a"]]


def test_what_was_put_back_with_a_delay_stays(queue):
    queue.send("a", key="k")
    of = queue.keys.of("one")
    process = queue.process(consumer="one")
    process.finish(*process.take())
    ordering_key = "a" if queue.fifo else None
    queue.run(
        put_back(
            of,
            "a",
            '"a"',
            delay=timedelta(hours=1),
            ordering_key=ordering_key,
            from_ledger=True,
            scripts=queue.scripts,
        )
    )

    assert not queue.cancel("k")

    assert queue.figures("one").due == 1


def test_the_rest_of_an_ordering_key_goes_on(make_queue):
    ordered = make_queue(fifo=True)
    ordered.send("a1")
    ordered.send("a2", delay=HOUR)
    ordered.send("a3")

    assert ordered.cancel("a2")

    process = ordered.process()
    [first] = process.take()
    process.finish(first)
    ordered.let_waits_end()
    [last] = process.take()
    process.finish(last)
    assert (first.message_id, last.message_id) == ("a1", "a3")
    assert process.ids() == []


class Stand:
    """A producer whose queue travels over Redis."""

    def __init__(self, server, log, clock):
        self.queue = a_queue(transport="redis")
        self.connection = Connection(server.address)
        self.ledger = MemoryLedger(clock)
        sender = RedisSender(
            self.queue,
            self.connection,
            Keys(self.queue.name, namespace="cancelling"),
            scripts=guarded_scripts(),
        )
        self.producer = Producer(
            self.queue, sender, log=log, ledgers=[self.ledger], transport_waits=True, clock=clock
        )

    def send(self, key, **fields):
        outgoing = Outgoing(data={}, type="order.placed", source="shop", idempotency_key=key)
        return self.producer.send(outgoing, **fields)


@pytest.fixture
def stand(newest_server, log, clock):
    stand = Stand(newest_server, log, clock)
    yield stand
    stand.connection.close()


@pytest.mark.parametrize("key", ["k", "my/odd {key}", None, "€"])
def test_a_producer_takes_back_what_waits_on_redis(stand, key):
    message_id = stand.send(key, delay=timedelta(days=300)).message_id

    assert stand.producer.cancel(key or message_id)

    assert not stand.send(key).duplicate
    assert not stand.producer.cancel(key or message_id) or key is None


def test_a_producer_takes_back_what_a_paused_source_kept_back(stand):
    stand.send("kept", kept_back=True)

    assert stand.producer.cancel("kept")


def test_while_the_ledger_is_down_it_is_asked_again_and_then_taken_back(stand):
    stand.send("while it is down", delay=timedelta(days=1))
    stand.ledger.down = True
    with pytest.raises(Unavailable):
        stand.producer.cancel("while it is down")
    stand.ledger.down = False

    assert stand.producer.cancel("while it is down")
