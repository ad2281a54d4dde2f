"""Messages for later on a queue that travels over Redis: how they are taken back."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from accept_message.acceptance import Acceptance
from headworks.brokers.redis.address import address_of
from headworks.brokers.redis.broker import RedisSender
from headworks.brokers.redis.connection import Connection
from headworks.brokers.redis.deliveries import Deliveries
from headworks.brokers.redis.keys import Keys
from headworks.http_api import serve
from headworks.ledger.memory import MemoryLedger
from headworks.producer import Producer
from headworks.telemetry import Action
from headworks.topology import Topology
from tests.support.declarations import a_queue
from tests.support.http_events import answer, http_event
from tests.support.valkey import running

LATER = {"data": {"n": 1}, "delayseconds": 600}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running("valkey-9", tmp_path_factory.mktemp("redis")) as server:
        yield server


class Stand:
    """The producers' way in to one queue on Redis."""

    def __init__(self, connection, clock, log):
        self.log = log
        self._queue = a_queue(transport="redis")
        self._keys = Keys(self._queue.name)
        self._connection = connection
        producer = Producer(
            self._queue,
            RedisSender(self._queue, self._connection, self._keys),
            log=log,
            ledgers=[MemoryLedger(clock)],
            transport_waits=True,
            clock=clock,
        )
        acceptance = Acceptance(
            topology=Topology(queues=(self._queue,)),
            producer=lambda _: producer,
            tokens=lambda: ["token"],
            clock=clock,
            log=log,
        )
        self._handler = serve(acceptance.answer, log=log)

    def post(self, body, **headers):
        headers = {"authorization": "Bearer token", **headers}
        return answer(
            self._handler(http_event(json.dumps(body).encode(), headers, queue=self._queue.name), None)
        )

    def delete(self, key):
        headers = {"authorization": "Bearer token"}
        event = http_event(b"", headers, method="DELETE", queue=self._queue.name, key=key)
        return self._handler(event, None)["statusCode"]

    def take(self):
        """Ids that a consumer is given now."""
        of = self._keys.of(*self._queue.consumers)
        deliveries = Deliveries(of, "process", lease=timedelta(seconds=30), fifo=False)
        received = self._connection.run(deliveries.fetch(10, block=0, idle=True))
        return [each.message_id for each in received.deliveries]

    def close(self):
        self._connection.close()


@pytest.fixture
def stand(server, clock, log):
    stand = Stand(Connection(server.address), clock, log)
    yield stand
    stand.close()


def test_what_waits_is_taken_back_by_its_key_which_is_free_again(stand):
    stand.post({**LATER, "idempotencykey": "my/odd key"})

    assert stand.delete("my/odd key") == 204

    assert Action.CANCELLED in stand.log.actions
    assert "duplicate" not in stand.post({**LATER, "idempotencykey": "my/odd key"}).body


def test_a_message_without_a_key_is_taken_back_by_its_id(stand):
    message_id = stand.post(LATER).body["messageId"]

    assert stand.delete(message_id) == 204


def test_what_is_on_its_way_is_not_taken_back(stand):
    message_id = stand.post({"data": {}, "idempotencykey": "now"}).body["messageId"]

    assert stand.delete("now") == 404

    assert stand.take() == [message_id]
    assert stand.delete("now") == 404


def test_while_redis_does_not_answer_nobody_says_that_it_was_taken_back(clock, log):
    nowhere = Connection(address_of("redis://localhost:1"), patience=0.1)
    stand = Stand(nowhere, clock, log)

    assert stand.delete("k") == 503
