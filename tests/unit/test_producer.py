"""The way in: look up, send, then remember."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headworks.claim_check import ClaimCheck
from headworks.errors import InvalidMessage, Unavailable
from headworks.ledger.memory import MemoryLedger
from headworks.outcome import Reason
from headworks.producer import Accepted, Outgoing, Producer, content_key
from headworks.queue import KEPT_BACK
from headworks.telemetry import Action
from headworks.testing.broker import MemoryBroker
from headworks.testing.deduplication import MemoryDeduplication
from tests.support.declarations import SECOND, a_queue

WINDOW = timedelta(hours=24)


class Stand:
    """A producer between fakes."""

    def __init__(self, clock, log, **fields):
        self.broker = MemoryBroker()
        self.memory = MemoryDeduplication()
        self.producer = Producer(
            a_queue(**fields), self.broker, log=log, deduplication=self.memory, clock=clock
        )

    @property
    def keys(self):
        return [message.idempotency_key for message in self.broker.messages]


@pytest.fixture
def stand(clock, log):
    return Stand(clock, log)


def order(key=None, **fields):
    return Outgoing(
        **{"data": {"n": 1}, "type": "order.placed", "source": "shop", "idempotency_key": key, **fields}
    )


def test_a_repeat_is_answered_with_the_first_messages_id(stand):
    first = stand.producer.send(order("k"))

    again = stand.producer.send(order("k"))

    assert again == Accepted(message_id=first.message_id, duplicate=True)
    assert stand.keys == ["k"]


def test_without_a_key_nothing_is_a_repeat(stand):
    stand.producer.send(order())
    stand.producer.send(order())

    assert len(set(stand.keys)) == 2


def test_a_send_that_failed_is_not_remembered(stand):
    stand.broker.down = True
    with pytest.raises(Unavailable):
        stand.producer.send(order("k"))
    stand.broker.down = False

    assert stand.producer.send(order("k")).duplicate is False
    assert stand.keys == ["k"]


def test_a_memory_that_is_down_costs_a_duplicate_and_never_the_message(stand):
    stand.memory.down = True

    answers = [stand.producer.send(order("k")) for _ in range(2)]

    assert stand.keys == ["k", "k"]
    assert not any(answer.duplicate for answer in answers)


def test_after_its_window_a_key_is_an_honest_repeat_with_an_effect_of_its_own(stand, clock):
    stand.producer.send(order("k"))
    clock.advance(WINDOW - SECOND)
    assert stand.producer.send(order("k")).duplicate

    clock.advance(SECOND)
    assert not stand.producer.send(order("k")).duplicate
    assert stand.producer.send(order("k")).duplicate
    clock.advance(WINDOW)
    stand.producer.send(order("k"))

    assert stand.keys == ["k", "k.1", "k.2"]


def test_the_key_of_a_message_that_was_removed_is_new_and_means_the_same_effect(stand, clock):
    stand.producer.send(order("k"))
    clock.advance(WINDOW)
    removed = stand.producer.send(order("k"))
    stand.memory.forget([removed.message_id])

    again = stand.producer.send(order("k"))

    assert not again.duplicate
    assert stand.producer.send(order("k")).message_id == again.message_id
    assert stand.keys == ["k", "k.1", "k.1"]


def test_the_window_of_a_delayed_message_starts_when_it_is_due(stand, clock):
    stand.producer.send(order("k"), delay=900 * SECOND)
    clock.advance(WINDOW)

    assert stand.producer.send(order("k")).duplicate
    assert stand.broker.delays == [900 * SECOND]


def test_equal_keys_in_one_batch_are_sent_once(stand):
    answers = stand.producer.send_batch([order("a"), order("b"), order("a"), order()])

    assert [answer.duplicate for answer in answers] == [False, False, True, False]
    assert answers[2].message_id == answers[0].message_id
    assert stand.keys[:2] == ["a", "b"]
    assert len(stand.keys) == 3


def test_a_batch_answers_in_the_order_of_its_input_whatever_fails(stand):
    stand.producer.send(order("old"))
    stand.broker.refused = {"bad"}

    answers = stand.producer.send_batch([order("bad"), order("old"), order("new"), order("bad")])

    assert isinstance(answers[0], Unavailable)
    assert answers[1].duplicate
    assert answers[2] == Accepted(message_id=stand.broker.messages[-1].id)
    assert isinstance(answers[3], Unavailable)


def test_one_bad_message_stops_its_batch_before_anything_is_sent(stand):
    with pytest.raises(InvalidMessage, match="idempotency key ''"):
        stand.producer.send_batch([order("a"), order("")])

    assert stand.keys == []


def test_an_ordered_queue_wants_an_ordering_key(clock, log):
    with pytest.raises(InvalidMessage, match="ordering key"):
        Stand(clock, log, fifo=True).producer.send(order("a"))


def test_a_queue_that_asks_for_it_makes_keys_from_content(clock, log):
    stand = Stand(clock, log, deduplicate="content")

    stand.producer.send(order(data={"a": 1, "b": 2}))
    again = stand.producer.send(order(data=b'{"b": 2,  "a": 1}'))
    other = stand.producer.send(order(data={"a": 1, "b": 3}))

    assert again.duplicate
    assert not other.duplicate


@given(st.sampled_from(["type", "source", "subject", "ordering_key", "tenant"]))
def test_whatever_tells_messages_apart_is_in_the_key(field):
    queue = a_queue()

    assert content_key(queue, order(**{field: "x"}), b"{}") != content_key(
        queue, order(**{field: "y"}), b"{}"
    )


def test_a_queues_expiry_is_put_on_its_messages(clock, log):
    stand = Stand(clock, log, expires_after=60 * SECOND)

    stand.producer.send(order())

    assert stand.broker.messages[0].expires_at == clock.now() + 60 * SECOND


def test_what_cannot_be_routed_is_kept_among_the_dead_letters_once(stand, log):
    first = stand.producer.bury(order("k"), reason=Reason.QUARANTINED, error="no type")
    again = stand.producer.bury(order("k"), reason=Reason.QUARANTINED, error="no type")

    assert again == Accepted(message_id=first.message_id, duplicate=True)
    assert [(message.idempotency_key, reason) for message, reason, _ in stand.broker.buried] == [
        ("k", "quarantined")
    ]
    assert log.actions == [Action.QUARANTINED, Action.DUPLICATE]


def test_a_large_body_waits_in_the_bucket_and_the_queue_carries_its_address(aws, bucket, clock, log):
    queue = a_queue()
    claim_check = ClaimCheck(queue, aws("s3"), bucket=bucket)
    broker = MemoryBroker()
    body = b'"' + b"x" * 200_000 + b'"'

    Producer(queue, broker, log=log, claim_check=claim_check, clock=clock).send(order(data=body))

    [message] = broker.messages
    assert message.data == b""
    assert message.data_ref == f"s3://bodies/27d/orders/{message.id}"
    assert claim_check.check_out(message).data == body


def test_a_bucket_that_is_down_fails_its_message_alone(aws, clock, log):
    queue = a_queue()
    broker = MemoryBroker()
    claim_check = ClaimCheck(queue, aws("s3"), bucket="missing")
    producer = Producer(queue, broker, log=log, claim_check=claim_check, clock=clock)

    answers = producer.send_batch([order(data=b'"' + b"x" * 200_000 + b'"'), order()])

    assert isinstance(answers[0], Unavailable)
    assert isinstance(answers[1], Accepted)
    assert len(broker.messages) == 1


def test_logs_carry_ids_and_never_the_payload(stand, log):
    stand.producer.send(order("k", data={"card": "4242424242424242"}))

    assert "4242" not in repr(log.lines)
    assert log.lines[0][1]["message_id"] == stand.broker.messages[0].id


class WaitingStand(Stand):
    """A producer whose consumers have ledgers to wait in."""

    def __init__(self, clock, log, **fields):
        super().__init__(clock, log, **fields)
        queue = a_queue(**fields)
        self.ledgers = [MemoryLedger(clock) for _ in queue.consumers]
        self.producer = Producer(
            queue, self.broker, log=log, deduplication=self.memory, ledgers=self.ledgers, clock=clock
        )


@pytest.mark.parametrize(
    ("fields", "delay"),
    [
        ({}, timedelta(days=365)),
        ({}, 901 * SECOND),
        ({"fifo": True}, SECOND),
        ({"consumers": ("a_one", "a_two")}, SECOND),
    ],
)
def test_a_delay_that_the_transport_cannot_keep_waits_with_every_consumer(clock, log, fields, delay):
    stand = WaitingStand(clock, log, **fields)

    accepted = stand.producer.send(order("k", ordering_key="c1"), delay=delay)

    assert stand.broker.messages == []
    for ledger in stand.ledgers:
        [waiting] = ledger.waiting(due_before=clock.now() + delay, limit=10)
        assert (waiting.entry.message_id, waiting.due) == (accepted.message_id, clock.now() + delay)
        assert ledger.waiting(due_before=clock.now() + delay - SECOND, limit=10) == []


def test_a_delayed_message_can_be_taken_back_and_its_key_is_free_again(clock, log):
    stand = WaitingStand(clock, log)
    stand.producer.send(order("k"), delay=timedelta(days=1))

    assert stand.producer.cancel("k")
    assert not stand.producer.cancel("k")
    assert not stand.producer.send(order("k")).duplicate


def test_a_ledger_that_is_down_takes_no_delayed_message(clock, log):
    stand = WaitingStand(clock, log)
    stand.ledgers[0].down = True

    with pytest.raises(Unavailable):
        stand.producer.send(order("k"), delay=timedelta(days=1))
    stand.ledgers[0].down = False
    assert not stand.producer.send(order("k"), delay=timedelta(days=1)).duplicate


@pytest.mark.parametrize("delay", [timedelta(days=366), -SECOND])
def test_a_delay_over_a_year_or_into_the_past_is_refused(clock, log, delay):
    with pytest.raises(InvalidMessage, match="365 days"):
        WaitingStand(clock, log).producer.send(order("k"), delay=delay)


def test_a_long_delay_without_a_ledger_to_wait_in_is_refused(stand):
    with pytest.raises(InvalidMessage, match="needs a ledger"):
        stand.producer.send(order("k"), delay=timedelta(days=1))


def test_what_is_kept_back_waits_with_every_consumer_and_is_remembered_as_always(clock, log):
    queue, broker, memory = a_queue(consumers=("a_b", "c_d")), MemoryBroker(), MemoryDeduplication()
    ledgers = [MemoryLedger(clock), MemoryLedger(clock)]
    producer = Producer(queue, broker, log=log, deduplication=memory, ledgers=ledgers, clock=clock)

    accepted = producer.send(order("k"), kept_back=True)

    assert broker.messages == []
    for ledger in ledgers:
        assert ledger.items["k"].due == clock.now() + KEPT_BACK
        assert ledger.items["k"].entry.message_id == accepted.message_id
    assert memory.remembered["k"].window_ends == clock.now() + WINDOW
    assert producer.send(order("k")) == Accepted(message_id=accepted.message_id, duplicate=True)
    assert log.actions == [Action.KEPT_BACK, Action.DUPLICATE]


def test_what_is_kept_back_expires_as_always(clock, log):
    ledger = MemoryLedger(clock)
    producer = Producer(a_queue(expires_after=WINDOW), MemoryBroker(), log=log, ledgers=[ledger], clock=clock)

    producer.send(order("k"), kept_back=True)

    letter, _ = ledger.letters["k"]
    assert (clock.now() + WINDOW).strftime("%Y-%m-%dT%H:%M") in letter.body


def test_nothing_is_kept_back_without_a_ledger(stand):
    with pytest.raises(InvalidMessage, match="needs a ledger to wait in"):
        stand.producer.send(order("k"), kept_back=True)


def test_what_cannot_be_kept_back_is_unavailable_and_not_remembered(clock, log):
    ledger, memory = MemoryLedger(clock), MemoryDeduplication()
    producer = Producer(
        a_queue(), MemoryBroker(), log=log, deduplication=memory, ledgers=[ledger], clock=clock
    )
    ledger.down = True

    with pytest.raises(Unavailable):
        producer.send(order("k"), kept_back=True)

    assert memory.remembered == {}
