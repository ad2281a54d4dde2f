"""The acceptance between fakes, driven through the entry point that Lambda calls."""

from __future__ import annotations

import json

import pytest

from accept_message.acceptance import Acceptance
from headworks.http_api import serve
from headworks.producer import Producer
from headworks.testing.broker import MemoryBroker
from headworks.testing.deduplication import MemoryDeduplication
from headworks.testing.secrets import MemorySecrets
from headworks.topology import Topology
from tests.support.declarations import a_queue
from tests.support.http_events import answer, http_event

TOKENS = ("token-of-now", "token-of-before")


class Stand:
    """What services talk to: the queues `orders` (of anything), `typed`, `opaque` (of bytes), `ordered` and `inner`."""

    def __init__(self, clock, log, queues):
        self.clock, self.log = clock, log
        self.brokers = {queue.name: MemoryBroker() for queue in queues}
        self.memories = {queue.name: MemoryDeduplication() for queue in queues}
        self.secrets = MemorySecrets({"tokens": json.dumps(TOKENS)})
        acceptance = Acceptance(
            topology=Topology(queues=queues),
            producer=self._producer,
            tokens=lambda: self.secrets.get("tokens"),
            log=log,
        )
        self.handler = serve(acceptance.accept, log=log)

    def _producer(self, queue):
        return Producer(
            queue,
            self.brokers[queue.name],
            log=self.log,
            deduplication=self.memories[queue.name],
            clock=self.clock,
        )

    @property
    def orders(self):
        """The broker of the queue `orders`."""
        return self.brokers["orders"]

    @property
    def sent(self):
        """How many messages are on any queue."""
        return sum(len(broker.messages) for broker in self.brokers.values())

    def post(self, body, *, queue="orders", authorization=f"Bearer {TOKENS[0]}", **headers):
        """Post a value as JSON, or bytes as they are; further headers with `_` for `-`."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        if authorization is not None:
            more["authorization"] = authorization
        return answer(self.handler(http_event(content, more, base64_body=True, queue=queue), None))


@pytest.fixture
def stand(clock, log):
    queues = (
        a_queue(),
        a_queue(name="typed", payload=dict[str, int], consumers=("count_things",)),
        a_queue(name="opaque", payload=bytes, consumers=("store_bytes",)),
        a_queue(name="ordered", fifo=True, consumers=("keep_order",), emits=("inner",)),
        a_queue(name="inner", internal=True, consumers=("tell_insider",)),
    )
    return Stand(clock, log, queues)
