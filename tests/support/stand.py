"""A consumer between fakes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta

from headworks.consumer import Consumer
from headworks.ledger.ledger import Entry
from headworks.ledger.memory import MemoryLedger
from headworks.message import encode
from headworks.testing.broker import MemoryBroker
from headworks.testing.clock import MovingClock
from headworks.testing.events import FakeContext, sqs_event, sqs_record
from headworks.testing.log import RecordingLog
from headworks.wiring import ConsumerParts
from tests.support.declarations import SECOND, a_message, a_queue


@dataclass(frozen=True)
class Order:
    customer: str
    total: int = 0


class Stand:
    """A consumer between fakes, and what it did."""

    def __init__(
        self, handle, *, claim_check=None, ledger=MemoryLedger, version="", in_batches=False, **fields
    ):
        self.broker, self.log, self.clock = MemoryBroker(), RecordingLog(), MovingClock()
        self.ledger = ledger(self.clock)
        self.counts, self.durations = {}, []
        self.exited = []
        self.consumer = Consumer(
            a_queue(**{"payload": Order, **fields}),
            handle,
            in_batches=in_batches,
            parts=ConsumerParts(
                broker=self.broker,
                ledger=self.ledger,
                log=self.log,
                counts=self._count,
                claim_check=claim_check,
                version=version,
                exit_process=self.exited.append,
                pause=lambda seconds: self.clock.advance(timedelta(seconds=seconds)),
            ),
            clock=self.clock,
        )

    def _count(self, outcomes, durations):
        self.counts.update(outcomes)
        self.durations += durations

    def leased(self, key, *, lasts=60 * SECOND):
        """Somebody else takes this key's lease."""
        [lease] = self.ledger.lease([Entry(key=key, message_id=key, type="t", source="s")], lasts=lasts)
        return lease

    def receive(self, *records, context=None):
        answer = self.consumer(sqs_event(*records), context or FakeContext())
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    @property
    def outcomes(self):
        return [each.outcome for each in self.broker.settled]


def record(name, *, customer=None, count=1, key=None, **fields):
    message = a_message(
        json.dumps({"customer": customer or name}).encode(), idempotency_key=key or name, **fields
    )
    return sqs_record(encode(message), message_id=name, receive_count=count)
