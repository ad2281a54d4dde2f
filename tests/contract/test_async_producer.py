"""The producer for asyncio over Redis answers as the blocking one does, and many tasks share its calls."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

import pytest

from headworks.brokers.redis.address import Address
from headworks.brokers.redis.async_connection import AsyncConnection
from headworks.brokers.redis.async_producer import AsyncProducer
from headworks.brokers.redis.connection import Connection
from headworks.brokers.redis.keys import Keys
from headworks.brokers.redis.upkeep import Upkeep
from headworks.errors import InvalidMessage, Unavailable
from headworks.producer import Accepted, Outgoing
from headworks.telemetry import Action
from headworks.testing.clock import MovingClock
from tests.support.declarations import SECOND, a_queue
from tests.support.guarded_scripts import guarded_scripts
from tests.support.valkey import ask, free_port


class Bucket:
    """A claim check that takes what is over a size, and says which."""

    def __init__(self, over):
        self.over, self.kept = over, []

    def takes(self, message):
        return len(message.data) > self.over

    def check_in(self, message):
        self.kept.append(message.id)
        return message.with_data(b"{}")


class Stand:
    """A queue of its own on a server, and what sends to it."""

    def __init__(self, server, log, **declared):
        self.server, self.log = server, log
        self.queue = a_queue(**declared)
        self.keys = Keys(self.queue.name, namespace=str(uuid4()))

    @asynccontextmanager
    async def producer(self, **options):
        async with AsyncConnection(self.server.address) as connection:
            yield AsyncProducer(
                self.queue, connection, log=self.log, keys=self.keys, scripts=guarded_scripts(), **options
            )

    def figures(self):
        with Connection(self.server.address) as connection:
            return connection.run(Upkeep(self.keys, *self.queue.consumers).figures())

    def calls(self):
        told = ask(self.server.administrator, "INFO", "commandstats").decode()
        lines = [line for line in told.splitlines() if line.startswith("cmdstat_evalsha:")]
        return sum(int(line.split("calls=")[1].split(",")[0]) for line in lines)


@pytest.fixture
def stand(redis_server, log):
    return Stand(redis_server, log)


def of(number, **attributes):
    return Outgoing(data={"number": number}, type="counted", source="/test", **attributes)


def test_a_message_is_on_the_queue_when_send_returns(stand):
    async def send():
        async with stand.producer() as producer:
            return await producer.send(of(1))

    answer = asyncio.run(send())

    assert not answer.duplicate
    assert stand.figures().ready == 1
    [(action, fields)] = stand.log.lines
    assert (action, fields["message_id"]) == (Action.QUEUED, answer.message_id)


def test_an_equal_key_is_answered_with_the_first_ones_id(stand):
    clock = MovingClock()

    async def send():
        async with stand.producer(clock=clock) as producer:
            first = await producer.send(of(1, idempotency_key="k"))
            # Within the same millisecond it would have the first one's id, and be that one sent again.
            clock.advance(SECOND)
            return first, await producer.send(of(2, idempotency_key="k"))

    first, second = asyncio.run(send())

    assert second == Accepted(message_id=first.message_id, duplicate=True)
    assert stand.figures().ready == 1


def test_tasks_that_send_at_once_share_calls_and_have_answers_of_their_own(stand):
    async def send():
        async with stand.producer() as producer:
            await producer.send(of(0))
            before = stand.calls()
            answers = await asyncio.gather(
                *(producer.send(of(n, idempotency_key=f"k{n}")) for n in range(300))
            )
            return answers, stand.calls() - before

    answers, calls = asyncio.run(send())

    assert len({each.message_id for each in answers}) == 300
    assert calls < 10
    assert stand.figures().ready == 301


def test_a_batch_is_answered_in_its_own_order(stand):
    async def send():
        async with stand.producer() as producer:
            return await producer.send_batch([of(n, idempotency_key=f"k{n % 3}") for n in range(5)])

    answers = asyncio.run(send())

    assert [each.duplicate for each in answers] == [False, False, False, True, True]
    assert answers[3].message_id == answers[0].message_id


def test_a_delayed_message_waits(stand):
    async def send():
        async with stand.producer() as producer:
            await producer.send(of(1), delay=timedelta(days=2))

    asyncio.run(send())

    assert (stand.figures().ready, stand.figures().due) == (0, 1)


def test_what_cannot_be_sent_as_asked_stops_the_batch_before_anything_is_sent(redis_server, log):
    stand = Stand(redis_server, log, fifo=True)

    async def send():
        async with stand.producer() as producer:
            await producer.send_batch([of(1, ordering_key="a"), of(2)])

    with pytest.raises(InvalidMessage, match="needs an ordering key"):
        asyncio.run(send())
    assert stand.figures().ready == 0


def test_a_delay_of_more_than_a_year_is_refused(stand):
    async def send():
        async with stand.producer() as producer:
            await producer.send(of(1), delay=timedelta(days=400))

    with pytest.raises(InvalidMessage, match="400 days"):
        asyncio.run(send())


def test_a_large_payload_goes_to_the_bucket(stand):
    bucket = Bucket(over=100)

    async def send():
        async with stand.producer(claim_check=bucket) as producer:
            small = await producer.send(of(1))
            large = Outgoing(data={"text": "x" * 200}, type="counted", source="/test")
            return small, await producer.send(large), await producer.send_batch([large])

    _, large, [other] = asyncio.run(send())

    assert bucket.kept == [large.message_id, other.message_id]


def test_a_server_that_is_not_there_is_unavailable_for_one_and_for_each_of_a_batch(log):
    queue = a_queue()

    async def send():
        async with AsyncConnection(Address(host="127.0.0.1", port=free_port()), patience=0) as connection:
            producer = AsyncProducer(queue, connection, log=log)
            with pytest.raises(Unavailable):
                await producer.send(of(1))
            return await producer.send_batch([of(2), of(3)])

    answers = asyncio.run(send())

    assert [type(each) for each in answers] == [Unavailable, Unavailable]
    assert log.actions == [Action.NOT_QUEUED] * 3
