"""Telling of each new dead letter: before its delivery is settled, at least once and under one key."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from headworks.announcements import TYPE, Announcement, Announcer
from headworks.brokers.record import delivery_of
from headworks.burying import Undertaker
from headworks.consumer import Consumer
from headworks.errors import Reject
from headworks.ledger.catalogue import Address
from headworks.ledger.dead_letters import Putting
from headworks.ledger.ledger import Entry, Failure, State
from headworks.ledger.memory import MemoryLedger
from headworks.ledger.memory_catalogue import MemoryCatalogue
from headworks.ledger.memory_dead_letters import MemoryDeadLetters
from headworks.message import encode
from headworks.outcome import Dead, Defer, Done, Fault
from headworks.producer import Producer
from headworks.testing.broker import MemoryBroker
from headworks.testing.clock import MovingClock
from headworks.testing.deduplication import MemoryDeduplication
from headworks.testing.events import FakeContext, sqs_event, sqs_record
from headworks.testing.log import RecordingLog
from headworks.wiring import ConsumerParts
from tests.support.declarations import SECOND, a_message, a_queue

OBITUARIES = a_queue(name="obituaries", payload=Announcement, consumers=("tell_operator",))
QUEUE = a_queue(announces_dead_to=OBITUARIES)
ADDRESS = Address("orders", "fulfil_order")
MINUTE = timedelta(minutes=1)


class Stand:
    """A consumer that tells of its dead letters, and the queue that is told."""

    def __init__(self, **fields):
        self.clock, self.log = MovingClock(), RecordingLog()
        self.broker, self.told = MemoryBroker(), MemoryBroker()
        self.ledger = MemoryLedger(self.clock)
        self.error = Reject("no such customer", fault=Fault.ENDPOINT)
        self.announcer = Announcer(
            address=ADDRESS,
            catalogue=MemoryCatalogue({ADDRESS: self.ledger}, self.clock),
            producer=Producer(
                OBITUARIES, self.told, log=self.log, deduplication=MemoryDeduplication(), clock=self.clock
            ),
        )
        self.consumer = Consumer(
            replace(QUEUE, **fields),
            self._handle,
            parts=ConsumerParts(
                broker=self.broker,
                ledger=self.ledger,
                log=self.log,
                counts=lambda *_: None,
                announcer=self.announcer,
            ),
            clock=self.clock,
        )

    def _handle(self, _message):
        raise self.error

    def receive(self, key="k", *, body=None, **fields):
        """Deliver a message once; answers what became of it, as the broker settled it."""
        body = encode(a_message(idempotency_key=key, **fields)) if body is None else body
        self.consumer(sqs_event(sqs_record(body, message_id=key)), FakeContext())
        return self.broker.settled[-1].outcome

    @property
    def announcements(self):
        return [msgspec.json.decode(each.data, type=Announcement) for each in self.told.messages]


@pytest.fixture
def stand():
    return Stand()


def test_a_new_dead_letter_is_told_with_what_a_list_shows_of_it(stand):
    message: Any = a_message(idempotency_key="k", tenant="acme", ordering_key="ada")

    outcome = stand.receive(body=encode(message))

    assert isinstance(outcome, Dead)
    assert stand.announcements == [
        Announcement(
            queue="orders",
            consumer="fulfil_order",
            message_id=message.id,
            key="k",
            reason="rejected",
            error_type="Reject",
            error="no such customer",
            fault="endpoint",
            type="order.placed",
            source="shop",
            died_at=stand.clock.now(),
            attempt=1,
            ordering_key="ada",
            tenant="acme",
        )
    ]
    [sent] = stand.told.messages
    assert (sent.type, sent.source) == (TYPE, "orders/fulfil_order")


def test_what_only_failed_is_not_told(stand):
    stand.error = ValueError("not yet")

    stand.receive()

    assert stand.announcements == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ('{"specversion": "1.0", "id": 7}', "undecodable"),
        (encode(a_message(expires_at=MovingClock().now())), "expired"),
    ],
)
def test_what_was_never_run_is_told_too(stand, body, reason):
    stand.receive(body=body)

    assert [each.reason for each in stand.announcements] == [reason]


def test_what_killed_its_owners_is_told(clock):
    stand = Stand(max_crashes=0)
    message = a_message(idempotency_key="k")
    stand.ledger.lease([Entry.of(message)], lasts=SECOND)
    stand.clock.advance(MINUTE)

    stand.receive(body=encode(message))

    assert [each.reason for each in stand.announcements] == ["crashed"]


def test_what_cannot_be_told_stays_on_its_queue_until_it_was(stand):
    stand.told.down = True
    message = encode(a_message(idempotency_key="k"))
    deferred = stand.receive(body=message)
    again = stand.receive(body=message)
    stand.told.down = False
    stand.clock.advance(MINUTE)

    told = stand.receive(body=message)

    assert isinstance(deferred, Defer)
    assert isinstance(again, Defer)
    assert isinstance(told, Done)
    assert [each.died_at for each in stand.announcements] == [stand.clock.now() - MINUTE]
    assert stand.ledger.items["k"].state is State.DEAD


def test_a_body_that_nobody_can_read_stays_too_until_it_was_told(stand):
    stand.told.down = True
    assert isinstance(stand.receive(body='{"specversion": 1}'), Defer)
    stand.told.down = False

    assert isinstance(stand.receive(body='{"specversion": 1}'), Dead)
    assert len(stand.announcements) == 1


def test_copies_of_a_dead_letter_tell_of_it_once(stand):
    for _ in range(3):
        stand.receive()

    assert len(stand.announcements) == 1


def test_a_dead_letter_that_was_put_back_and_dies_again_is_told_anew(stand):
    stand.receive()
    stand.clock.advance(SECOND)
    letters, now = MemoryDeadLetters(stand.ledger, stand.clock), stand.clock.now()
    claims = letters.claim(["k"], Putting(replay="rpl_1", by="ada", at=now, died_before=now), lasts=MINUTE)
    letters.sent(claims)

    stand.receive()

    assert [each.attempt for each in stand.announcements] == [1, 2]
    assert len({each.idempotency_key for each in stand.told.messages}) == 2


def test_nothing_is_told_of_what_is_dead_no_more(stand):
    entry = Entry(key="k", message_id="m", type="t", source="s")
    [lease] = stand.ledger.lease([entry], lasts=MINUTE)
    stand.ledger.retry(
        lease,
        Failure(attempt=1, at=stand.clock.now(), error_type="E", error="e"),
        due=stand.clock.now(),
    )

    stand.announcer.announce(entry)
    stand.announcer.announce(replace(entry, key="unheard of"))

    assert stand.announcements == []


def test_what_sqs_gave_up_on_is_told_too_or_stays_in_the_dead_letter_queue(stand):
    undertaker = Undertaker(
        queue=QUEUE,
        consumer="fulfil_order",
        ledger=stand.ledger,
        claim_check=None,
        clock=stand.clock,
        log=stand.log,
        announcer=stand.announcer,
    )
    delivery = delivery_of(sqs_record(encode(a_message(idempotency_key="k")), message_id="m"))
    stand.told.down = True
    assert isinstance(undertaker.bury(delivery), Defer)
    stand.told.down = False

    assert isinstance(undertaker.bury(delivery), Dead)
    assert [each.reason for each in stand.announcements] == ["crashed"]
