"""Deliveries between fakes: the endpoint answers what a test says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from deliver_webhook.delivery import deliver
from headworks import Context, Message
from headworks.consumer import Consumer
from headworks.ledger.memory import MemoryLedger
from headworks.outbound.client import Answer
from headworks.outbound.endpoints import Endpoint
from headworks.testing.broker import MemoryBroker
from headworks.testing.clock import MovingClock
from headworks.testing.events import FakeContext
from headworks.testing.log import RecordingLog
from headworks.testing.secrets import MemorySecrets
from headworks.wiring import ConsumerParts
from pipeline.payloads import WebhookDelivery
from pipeline.queues import WEBHOOKS

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
URL = "https://hooks.example/path/TOKEN?key=TOKEN"
DEFAULT = Endpoint(name="default", url=URL, timeout=timedelta(seconds=7), response_limit_bytes=77)


class FakeClient:
    """Keeps what is sent.

    Answers with `answer` (a status, an answer, or an error to raise), or as `answers_to` says for bodies with
    a certain content.
    """

    def __init__(self):
        self.sent = []
        self.answer = 200
        self.answers_to = {}

    def send(self, method, url, *, body, headers, timeout, response_limit_bytes):
        limits = {"timeout": timeout, "response_limit_bytes": response_limit_bytes}
        self.sent.append({"method": method, "url": url, "body": body, "headers": headers, **limits})
        special = (answer for content, answer in self.answers_to.items() if content in body)
        answer = next(special, self.answer)
        if isinstance(answer, Exception):
            raise answer
        return answered(answer) if isinstance(answer, int) else answer


def answered(status, **headers):
    """An answer; headers with `_` for `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=status, headers=named, body_excerpt=b"", duration=timedelta(seconds=1))


class Stand:
    """What is around a delivery; the clock shows the real time, since verifiers look at theirs."""

    def __init__(self):
        self.client, self.log, self.clock = FakeClient(), RecordingLog(), MovingClock(datetime.now(UTC))
        self.secrets = MemorySecrets({"default": SECRET})
        self.broker = MemoryBroker()
        self.endpoints = {"default": DEFAULT}
        self.handle = partial(
            deliver,
            endpoint_of=lambda name: self.endpoints.get(name),
            url_of=lambda endpoint: endpoint.url,
            secrets_of=lambda endpoint: self.secrets.get(endpoint.name),
            client=self.client,
            policy=WEBHOOKS.retry,
            clock=self.clock,
        )
        parts = ConsumerParts(
            broker=self.broker,
            ledger=MemoryLedger(self.clock),
            log=self.log,
            counts=lambda *_: None,
        )
        self.consumer = Consumer(WEBHOOKS, self.handle, parts=parts, clock=self.clock)

    def deliver(self, webhook, *, attempt=1, **fields):
        """One attempt, as the consumer makes it."""
        self.handle(self.message(webhook, **fields), self.context(attempt))

    def message(self, webhook, **fields):
        return Message(
            **{
                "id": "msg_1",
                "source": "stripe",
                "type": "invoice.paid",
                "data": webhook,
                "time": self.clock.now(),
                "idempotency_key": "stripe:evt_1/default",
                **fields,
            }
        )

    def context(self, attempt):
        return Context(
            queue=WEBHOOKS.name,
            consumer="deliver_webhook",
            message_id="msg_1",
            idempotency_key="stripe:evt_1/default",
            attempt=attempt,
            max_attempts=WEBHOOKS.retry.max_attempts,
            remaining_time=lambda: timedelta(minutes=1),
        )

    def consume(self, event):
        """A whole batch through the consumer; answers which records stay on the queue."""
        answer = self.consumer(event, FakeContext())
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    @property
    def outcomes(self):
        """What became of each record, by the record's id."""
        return {each.delivery.id: each.outcome for each in self.broker.settled}

    @property
    def sent(self):
        """The only request that was sent."""
        [sent] = self.client.sent
        return sent


@pytest.fixture
def stand():
    return Stand()


@pytest.fixture
def webhook():
    return WebhookDelivery(
        endpoint="default",
        body=b'{"id": "evt_1"}',
        headers={"content-type": "application/json", "stripe-signature": "t=1,v1=theirs"},
    )
