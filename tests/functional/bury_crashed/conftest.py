"""Dead-letter queues between fakes: one of a queue with a single consumer, two of an ordered queue with two."""

from __future__ import annotations

from functools import cache

import pytest

from bury_crashed.burial import Burial, Graveyard
from headworks.burying import Undertaker
from headworks.ledger.memory import MemoryLedger
from headworks.testing.broker import MemoryBroker
from headworks.testing.events import FakeContext
from headworks.topology import Topology
from tests.support.declarations import a_queue

WEBHOOKS = a_queue(name="webhooks", consumers=("deliver_webhook",))
ORDER_EVENTS = a_queue(name="order-events", consumers=("update_stock", "tell_customer"), fifo=True)
URLS = {
    (WEBHOOKS, "deliver_webhook"): "https://sqs.eu-central-1.amazonaws.com/1/webhooks-dead-letters",
    (ORDER_EVENTS, "update_stock"): "http://127.0.0.1:4566/1/order-events-update-stock-dead-letters.fifo",
    (ORDER_EVENTS, "tell_customer"): "http://127.0.0.1:4566/1/order-events-tell-customer-dead-letters.fifo",
}


class BreakingLedger(MemoryLedger):
    """Fails for certain keys in a way that nobody thought of."""

    def __init__(self, clock):
        super().__init__(clock)
        self.breaking = set()

    def bury(self, entry, letter, **fields):
        if entry.key in self.breaking:
            raise RecursionError("too deep")
        return super().bury(entry, letter, **fields)


class Stand:
    """What the function talks to, by (queue, consumer)."""

    def __init__(self, clock, log):
        self.clock, self.log = clock, log
        self.ledgers, self.brokers, self.counted = {}, {}, []
        self.burial = Burial(
            topology=Topology(queues=(WEBHOOKS, ORDER_EVENTS)),
            url_of=lambda queue, consumer: URLS[queue, consumer],
            graveyard=cache(self._graveyard),
            side_by_side=10,
            log=log,
        )

    def _graveyard(self, queue, consumer):
        name = (queue.name, consumer)
        return Graveyard(
            undertaker=Undertaker(
                queue=queue,
                consumer=consumer,
                ledger=self.ledger(*name),
                claim_check=None,
                clock=self.clock,
                log=self.log,
            ),
            broker=self.brokers.setdefault(name, MemoryBroker()),
            counts=lambda outcomes, _: self.counted.append((consumer, dict(outcomes))),
        )

    def ledger(self, queue="webhooks", consumer="deliver_webhook"):
        return self.ledgers.setdefault((queue, consumer), BreakingLedger(self.clock))

    def bury(self, event):
        """A batch; answers which of its records stay on the dead-letter queue."""
        answer = self.burial.answer(event, FakeContext())
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def waits(self, queue="webhooks", consumer="deliver_webhook"):
        """For how long each record that stays is hidden, by its id."""
        settled = self.brokers[queue, consumer].settled
        return {each.delivery.id: each.outcome.after for each in settled if hasattr(each.outcome, "after")}


@pytest.fixture
def stand(clock, log):
    return Stand(clock, log)
