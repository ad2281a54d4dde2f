"""The broker contract, for every broker."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from headworks import outcome
from headworks.brokers.broker import Delivery, Settled
from headworks.brokers.redis.broker import RedisBroker, delivery_of
from headworks.brokers.redis.connection import Connection
from headworks.brokers.redis.conversation import Route
from headworks.brokers.redis.dead_stream import DeadStream
from headworks.brokers.redis.deliveries import Deliveries
from headworks.brokers.redis.keys import Keys
from headworks.brokers.sqs import SqsBroker
from headworks.errors import Reject
from headworks.ledger.ledger import Letter
from headworks.message import encode
from headworks.outcome import Reason
from headworks.testing.broker import MemoryBroker
from headworks.testing.clock import NEW_YEAR
from tests.support.declarations import SECOND, a_message, a_queue
from tests.support.valkey import free_port

if TYPE_CHECKING:
    from headworks.brokers.broker import Broker


@dataclass
class Stand:
    """A broker and a way to look at what it holds."""

    broker: Broker
    on_queue: Any
    buried: Any
    take_down: Any
    resent: Any
    deliver: Any


@pytest.fixture(params=["memory", "sqs", "redis"])
def stand(request, log):
    if request.param == "memory":
        return memory_stand()
    if request.param == "redis":
        return redis_stand(request, log)
    return sqs_stand(request.getfixturevalue("aws"), log)


def memory_stand():
    broker = MemoryBroker()

    def take_down():
        broker.down = True

    return Stand(
        broker=broker,
        on_queue=lambda: [message.idempotency_key for message in broker.messages],
        buried=lambda: [message.idempotency_key for message, _, _ in broker.buried],
        take_down=take_down,
        resent=lambda: [json.loads(letter.body)["idempotencykey"] for _, letter, _, _ in broker.resent],
        deliver=a_delivery,
    )


def sqs_stand(aws, log):
    sqs = aws("sqs")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    dead = sqs.create_queue(QueueName="orders-dead")["QueueUrl"]

    def keys_of(queue_url):
        messages = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"])["idempotencykey"] for message in messages]

    def take_down():
        sqs.delete_queue(QueueUrl=url)
        sqs.delete_queue(QueueUrl=dead)

    broker = SqsBroker(a_queue(), sqs, url=url, dead_letter_url=dead, log=log, pause=lambda _: None)
    return Stand(
        broker, lambda: keys_of(url), lambda: keys_of(dead), take_down, lambda: keys_of(url), a_delivery
    )


def redis_stand(request, log):
    server = request.getfixturevalue("newest_server")
    queue = a_queue()
    keys = Keys(queue.name, namespace=str(uuid4()))
    of = keys.of(*queue.consumers)
    connection = Connection(server.address, patience=0.1)
    request.addfinalizer(connection.close)
    deliveries = Deliveries(of, "process", lease=30 * SECOND)

    def on_queue():
        received = connection.run(deliveries.fetch(100)).deliveries
        return [json.loads(each.body)["idempotencykey"] for each in received]

    def buried():
        letters = connection.run(DeadStream(of).page(limit=10)).letters
        return [each.letter.key for each in letters]

    def deliver(name):
        broker.send([a_message(idempotency_key=name)])
        [received] = connection.run(deliveries.fetch(1)).deliveries
        return replace(delivery_of(received), id=name)

    def take_down():
        connection.close()
        connection._route = Route(("127.0.0.1", free_port()))

    broker = RedisBroker(queue, *queue.consumers, connection, keys, deliveries, log=log)
    return Stand(broker, on_queue, buried, take_down, on_queue, deliver)


def a_delivery(name):
    return Delivery(id=name, body="{}", receipt=f"r-{name}", receive_count=1, sent_at=NEW_YEAR)


def test_what_is_sent_is_on_the_queue(stand):
    sent = stand.broker.send([a_message(idempotency_key=f"k{n}") for n in range(3)])

    assert sorted(stand.on_queue()) == ["k0", "k1", "k2"]
    assert [each.error for each in sent] == [None] * 3


def test_answers_come_in_the_order_of_the_input(stand):
    messages = [a_message() for _ in range(25)]

    assert [each.message_id for each in stand.broker.send(messages)] == [message.id for message in messages]


def test_a_transport_that_is_down_is_an_answer_and_not_an_exception(stand):
    stand.take_down()

    sent = stand.broker.send([a_message(), a_message()])

    assert all(each.error for each in sent)


def test_what_is_buried_is_among_the_dead_letters_and_not_on_the_queue(stand):
    sent = stand.broker.bury(a_message(idempotency_key="odd"), reason="quarantined", error="no type")

    assert sent.error is None
    assert stand.buried() == ["odd"]
    assert stand.on_queue() == []


def test_only_what_must_come_back_stays(stand):
    kept = stand.broker.settle(
        [
            Settled(delivery=stand.deliver("done"), outcome=outcome.Done()),
            Settled(delivery=stand.deliver("retry"), outcome=outcome.Retry(after=SECOND, error=Exception())),
            Settled(delivery=stand.deliver("defer"), outcome=outcome.Defer(after=SECOND, why="busy")),
            Settled(
                delivery=stand.deliver("dead"),
                outcome=outcome.Dead(reason=Reason.REJECTED, error=Reject("no")),
            ),
        ]
    )

    assert kept == {"retry", "defer"}


def test_what_waits_outside_of_the_queue_is_let_go_of(stand):
    away = outcome.Retry(after=SECOND, error=Exception(), away=True)

    assert stand.broker.settle([Settled(delivery=stand.deliver("away"), outcome=away)]) == frozenset()


def test_a_kept_message_is_sent_again_as_it_was_kept(stand):
    letter = Letter(body=encode(a_message(idempotency_key="k")), sent_at=NEW_YEAR)

    assert stand.broker.resend("m", letter, delay=0 * SECOND, sending=1) is None
    assert stand.resent() == ["k"]


def test_settling_nothing_keeps_nothing(stand):
    assert stand.broker.settle([]) == frozenset()
