"""The acceptance between fakes, driven through the entry point that Lambda calls."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from accept_message.acceptance import Acceptance
from headworks.http_api import serve
from headworks.ledger.memory import MemoryLedger
from headworks.producer import Producer
from headworks.testing.broker import MemoryBroker
from headworks.testing.deduplication import MemoryDeduplication
from headworks.testing.secrets import MemorySecrets
from headworks.topology import Topology
from tests.support.declarations import a_queue
from tests.support.http_events import answer, http_event

TOKENS = ("token-of-now", "token-of-before")


class Stand:
    """What services talk to: `orders` (of anything), `typed`, `opaque` (of bytes), `ordered`, `inner` and `hasty`."""

    def __init__(self, clock, log, queues):
        self.clock, self.log = clock, log
        self.brokers = {queue.name: MemoryBroker() for queue in queues}
        self.memories = {queue.name: MemoryDeduplication() for queue in queues}
        self.ledgers = {queue.name: MemoryLedger(clock) for queue in queues}
        self.secrets = MemorySecrets({"tokens": json.dumps(TOKENS)})
        acceptance = Acceptance(
            topology=Topology(queues=queues),
            producer=self._producer,
            tokens=lambda: self.secrets.get("tokens"),
            clock=clock,
            log=log,
        )
        self.handler = serve(acceptance.answer, log=log)

    def _producer(self, queue):
        return Producer(
            queue,
            self.brokers[queue.name],
            log=self.log,
            deduplication=self.memories[queue.name],
            ledgers=[self.ledgers[queue.name]],
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

    def delete(self, key, *, queue="orders", authorization=f"Bearer {TOKENS[0]}"):
        """Take a message back; the answer with its status, and the body if it has one."""
        event = http_event(b"", {"authorization": authorization}, method="DELETE", queue=queue, key=key)
        returned = self.handler(event, None)
        return returned["statusCode"], json.loads(returned.get("body", "null"))

    def waiting(self, queue="orders"):
        """Keys that wait in a queue's ledger, each with its due time."""
        found = self.ledgers[queue].waiting(due_before=self.clock.now() + timedelta(days=1000), limit=100)
        return [(each.entry.key, each.due) for each in found]


@pytest.fixture
def stand(clock, log):
    queues = (
        a_queue(),
        a_queue(name="typed", payload=dict[str, int], consumers=("count_things",)),
        a_queue(name="opaque", payload=bytes, consumers=("store_bytes",)),
        a_queue(name="ordered", fifo=True, consumers=("keep_order",), emits=("inner",)),
        a_queue(name="inner", internal=True, consumers=("tell_insider",)),
        a_queue(name="hasty", expires_after=timedelta(hours=1), consumers=("hurry_up",)),
    )
    return Stand(clock, log, queues)
