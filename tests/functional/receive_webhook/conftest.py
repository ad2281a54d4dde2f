"""The reception between fakes, driven through the entry point that Lambda calls."""

from __future__ import annotations

import pytest

from headworks.http_api import serve
from headworks.ledger.memory import MemoryLedger
from headworks.operations.paused_sources import PausedSources
from headworks.producer import Producer
from headworks.testing.broker import MemoryBroker
from headworks.testing.deduplication import MemoryDeduplication
from headworks.testing.flags import MemoryFlags
from headworks.testing.secrets import MemorySecrets
from headworks.webhooks.signing import sign
from pipeline import TOPOLOGY
from receive_webhook.reception import Reception
from tests.support.http_events import answer, http_event

# Letters and digits, 32 of them: fit for every scheme.
SECRET = "oldSecretoldSecretoldSecretoldSe"


class Stand:
    """What providers talk to; `brokers`, `memories`, `ledgers` and `secrets` are by queue's and source's name."""

    def __init__(self, clock, log, topology=TOPOLOGY, secret=SECRET):
        self.clock, self.log, self.topology = clock, log, topology
        self.brokers = {queue.name: MemoryBroker() for queue in topology.queues}
        self.memories = {queue.name: MemoryDeduplication() for queue in topology.queues}
        self.ledgers = {
            queue.name: {consumer: MemoryLedger(clock) for consumer in queue.consumers}
            for queue in topology.queues
        }
        self.flags = MemoryFlags()
        self.secrets = MemorySecrets({source.name: secret for source in topology.sources})
        reception = Reception(
            topology=topology,
            producer=self._producer,
            secrets=lambda source: self.secrets.get(source.name),
            is_paused=PausedSources(self.flags, log=log, clock=clock).is_paused,
            log=log,
            clock=clock,
        )
        self.handler = serve(reception.receive, log=log)

    def _producer(self, queue):
        return Producer(
            queue,
            self.brokers[queue.name],
            log=self.log,
            deduplication=self.memories[queue.name],
            ledgers=list(self.ledgers[queue.name].values()),
            clock=self.clock,
        )

    @property
    def broker(self):
        """The broker of the first queue, which every event goes to."""
        return next(iter(self.brokers.values()))

    @property
    def messages(self):
        return [message for broker in self.brokers.values() for message in broker.messages]

    @property
    def buried(self):
        return [each for broker in self.brokers.values() for each in broker.buried]

    @property
    def kept(self):
        """How many events are anywhere at all."""
        return len(self.messages) + len(self.buried)

    def post(self, source, body, headers, *, base64_body=False):
        """A request as it is given."""
        event = http_event(body, headers, base64_body=base64_body, source=source)
        return answer(self.handler(event, None))

    def signed(self, name, body, *, event_id="evt_1", at=None):
        """The headers that the source sends with a body, signed now or then."""
        scheme = self.topology.source(name).scheme
        signature = sign(scheme, SECRET, body, now=at or self.clock.now(), event_id=event_id)
        return {"content-type": "application/json", **signature}

    def deliver(self, name, body, *, event_id="evt_1", base64_body=False, **headers):
        """A request that the source signs; further headers with `_` for `-`."""
        more = {header.replace("_", "-"): value for header, value in headers.items()}
        signed = self.signed(name, body, event_id=event_id)
        return self.post(name, body, signed | more, base64_body=base64_body)


@pytest.fixture
def stand(clock, log):
    return Stand(clock, log)


@pytest.fixture
def stand_with(clock, log):
    """A stand with declarations, secrets or a clock of its own."""

    def build(topology=TOPOLOGY, *, clock=clock, **more):
        return Stand(clock, log, topology, **more)

    return build
