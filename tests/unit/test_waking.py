"""Messages whose wait is over go back to their queue, to the second."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headworks.brokers.broker import Delivery
from headworks.claim_check import ClaimCheck
from headworks.ledger.ledger import Entry, Failure, Letter, State
from headworks.ledger.memory import MemoryLedger
from headworks.letters import LARGEST_INLINE_BYTES, write_letter
from headworks.message import Carrier, decode, encode
from headworks.telemetry import Action
from headworks.testing.broker import MemoryBroker
from headworks.testing.clock import NEW_YEAR
from headworks.waking import Waker
from tests.support.declarations import SECOND, a_message, a_queue

HOUR = timedelta(hours=1)
CARRIER = Carrier(queue="orders", id="m", sent_at=NEW_YEAR)
LETTER = Letter(body="{}", sent_at=NEW_YEAR)


class Stand:
    """A waker between fakes."""

    def __init__(self, clock, log, claim_check=None, **fields):
        self.clock, self.ledger, self.broker = clock, MemoryLedger(clock), MemoryBroker()
        self.waker = Waker(
            queue=a_queue(**fields),
            consumer="fulfil_order",
            ledger=self.ledger,
            broker=self.broker,
            claim_check=claim_check,
            clock=clock,
            log=log,
        )

    def hold(self, key, due_in):
        entry = Entry(key=key, message_id=f"msg_{key}", type="t", source="s")
        self.ledger.hold(entry, LETTER, due=self.clock.now() + due_in)

    def wake(self):
        return self.waker.wake(remaining=lambda: HOUR)

    @property
    def delays(self):
        return {name: delay for name, _, delay, _ in self.broker.resent}


@pytest.fixture
def stand(clock, log):
    return Stand(clock, log)


def test_what_is_due_before_the_next_look_is_sent_with_a_delay_to_the_second(stand):
    stand.hold("late", timedelta(0))
    stand.hold("soon", 42 * SECOND)
    stand.hold("later", HOUR)

    assert stand.wake() == 2
    assert stand.delays == {"msg_late": timedelta(0), "msg_soon": 42 * SECOND}
    assert stand.ledger.items["soon"].state is State.RETRYING


def test_a_message_of_a_fifo_queue_is_sent_when_it_is_due_and_not_before(clock, log):
    stand = Stand(clock, log, fifo=True)
    stand.hold("soon", 42 * SECOND)

    assert stand.wake() == 0
    clock.advance(42 * SECOND)
    assert stand.wake() == 1


def test_a_queue_that_is_down_leaves_them_waiting(stand, log):
    stand.hold("k", timedelta(0))
    stand.broker.down = True

    assert stand.wake() == 0
    assert stand.ledger.items["k"].state is State.WAITING
    assert log.actions == [Action.NOT_QUEUED]


def test_each_wait_of_a_message_ends_in_a_sending_of_its_own(stand, clock):
    stand.hold("k", timedelta(0))
    stand.wake()
    [lease] = stand.ledger.lease([stand.ledger.items["k"].entry], lasts=HOUR)
    failed = Failure(attempt=1, at=clock.now(), error_type="ValueError", error="no")
    stand.ledger.wait(lease, failed, LETTER, due=clock.now())

    stand.wake()

    assert [sending for *_, sending in stand.broker.resent] == [1, 2]


def test_a_crash_between_send_and_mark_sends_a_copy_and_loses_nothing(stand, monkeypatch):
    stand.hold("k", timedelta(0))
    monkeypatch.setattr(stand.ledger, "woken", lambda _waiting: (_ for _ in ()).throw(KeyboardInterrupt))

    with pytest.raises(KeyboardInterrupt):
        stand.wake()
    monkeypatch.undo()

    assert stand.wake() == 1
    assert [sending for *_, sending in stand.broker.resent] == [1, 1]


def a_delivery(message):
    return Delivery(id="m", body=encode(message), receipt="r", receive_count=1, sent_at=NEW_YEAR)


@pytest.mark.parametrize("size", [10, 40_000, 300_000])
def test_a_message_of_any_size_comes_back_whole_from_every_long_wait(aws, bucket, clock, log, size):
    claim_check = ClaimCheck(a_queue(), aws("s3"), bucket=bucket)
    stand = Stand(clock, log, claim_check=claim_check)
    message = claim_check.check_in(a_message(b'"%s"' % (b"x" * size), idempotency_key="k"))

    for _ in range(2):
        letter = write_letter(claim_check, a_delivery(message), message, waits=True)
        assert len(letter.body) <= LARGEST_INLINE_BYTES
        stand.ledger.items.clear()
        stand.ledger.hold(Entry.of(message), letter, due=clock.now())
        assert stand.wake() == 1
        message = decode(stand.broker.resent[-1][1].body, carrier=CARRIER)

    assert claim_check.check_out(message).data == b'"%s"' % (b"x" * size)
    assert message.idempotency_key == "k"


def test_a_body_that_is_gone_is_told_and_keeps_nobody_else_waiting(aws, bucket, clock, log):
    stand = Stand(clock, log, claim_check=ClaimCheck(a_queue(), aws("s3"), bucket=bucket))
    entry = Entry(key="gone", message_id="msg_gone", type="t", source="s")
    gone = Letter(body="", body_ref=f"s3://{bucket}/kept/orders/gone.txt", sent_at=NEW_YEAR)
    stand.ledger.hold(entry, gone, due=clock.now())
    stand.hold("k", timedelta(0))

    assert stand.wake() == 1
    assert log.actions == [Action.TROUBLE, Action.QUEUED]
