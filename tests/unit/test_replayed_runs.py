"""A message that was put back runs like a new one, and remembers all that was before."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headworks import outcome
from headworks.brokers.record import KNOWN_AS
from headworks.consumer import Consumer
from headworks.errors import Reject
from headworks.ledger.dead_letters import Claim, Putting
from headworks.ledger.ledger import State
from headworks.ledger.memory import MemoryLedger
from headworks.ledger.memory_dead_letters import MemoryDeadLetters
from headworks.message import encode
from headworks.outcome import Reason
from headworks.retry import RetryPolicy
from headworks.telemetry import Action
from headworks.testing.broker import MemoryBroker
from headworks.testing.events import FakeContext, sqs_event, sqs_record
from headworks.wiring import ConsumerParts
from tests.support.declarations import SECOND, a_message, a_queue

ATTEMPTS = 3


class Stand:
    """A consumer whose handler does what `does` says, and an operator who puts its dead letters back."""

    def __init__(self, clock, log):
        self.clock, self.log = clock, log
        self.ledger, self.broker = MemoryLedger(clock), MemoryBroker()
        self.dead_letters = MemoryDeadLetters(self.ledger, clock)
        self.seen = []
        self.deliveries = 0
        self.does = fail
        policy = RetryPolicy(delays=(SECOND,) * (ATTEMPTS - 1), jitter=0)
        self.consumer = Consumer(
            a_queue(retry=policy, max_crashes=1),
            self.handle,
            parts=ConsumerParts(
                broker=self.broker, ledger=self.ledger, log=log, counts=lambda _outcomes, _durations: None
            ),
            clock=clock,
        )

    def handle(self, message, context):
        self.seen.append((context, message))
        self.does()

    def receive(self, body, *, name=None):
        """One delivery; its outcome."""
        self.deliveries += 1
        record = sqs_record(body, message_id=f"sqs-{self.deliveries}")
        if name is not None:
            record["messageAttributes"] = {KNOWN_AS: {"stringValue": name, "dataType": "String"}}
        self.consumer(sqs_event(record), FakeContext())
        self.clock.advance(2 * SECOND)
        return self.broker.settled[-1].outcome

    def die(self, body):
        while not isinstance(self.receive(body), outcome.Dead):
            pass

    def put_back(self, key="k", **fields):
        now = self.clock.now()
        putting = Putting(replay=f"rpl_{now}", by="ops", at=now, died_before=now, **fields)
        [claim] = self.dead_letters.claim([key], putting, lasts=timedelta(minutes=2))
        assert isinstance(claim, Claim), claim
        self.dead_letters.sent([claim])
        return claim.letter.body

    @property
    def attempts(self):
        return [context.attempt for context, _ in self.seen]


@pytest.fixture
def stand(clock, log):
    return Stand(clock, log)


def fail():
    raise ValueError("no")


def reject():
    raise Reject("never")


def succeed():
    pass


def a_body():
    return encode(a_message(b'{"n":1}', idempotency_key="k"))


def test_it_has_all_of_its_attempts_again(stand):
    stand.die(a_body())
    stand.die(stand.put_back())

    assert stand.attempts == [1, 2, 3, 1, 2, 3]
    assert {context.max_attempts for context, _ in stand.seen} == {ATTEMPTS}
    assert stand.ledger.items["k"].state is State.DEAD


def test_its_history_goes_on(stand):
    stand.die(a_body())
    stand.die(stand.put_back())

    assert [each.attempt for each in stand.ledger.items["k"].history] == [1, 2, 3, 4, 5, 6]
    assert [each.attempt for each in stand.seen[3][0].history] == [1, 2, 3]


def test_its_log_lines_count_the_attempts_of_its_series(stand):
    stand.does = reject
    stand.die(a_body())
    stand.die(stand.put_back())

    assert [fields["attempt"] for action, fields in stand.log.lines if action is Action.DEAD] == [1, 1]
    assert [fields["attempt"] for action, fields in stand.log.lines if action is Action.STARTED] == [1, 1]


def test_it_keeps_its_idempotency_key(stand):
    stand.die(a_body())
    stand.does = succeed
    stand.receive(stand.put_back())

    assert {context.idempotency_key for context, _ in stand.seen} == {"k"}


def test_what_runs_again_though_it_was_completed_has_a_key_of_its_own_each_time(stand):
    stand.does = reject
    stand.die(a_body())
    stand.does = succeed
    body = stand.put_back()
    stand.receive(body)
    for _ in range(2):
        assert stand.receive(stand.put_back(again=True)) == outcome.Done()

    keys = [(context.idempotency_key, message.idempotency_key) for context, message in stand.seen[1:]]
    assert keys == [("k", "k"), ("k.again1", "k.again1"), ("k.again2", "k.again2")]
    assert stand.ledger.items["k"].state is State.COMPLETED


def test_what_runs_again_and_dies_is_kept_under_its_own_key(stand):
    stand.does = reject
    stand.die(a_body())
    stand.does = succeed
    stand.receive(stand.put_back())
    stand.does = reject
    stand.die(stand.put_back(again=True))

    letter, _ = stand.ledger.letters["k"]
    assert '"idempotencykey":"k"' in letter.body.replace(" ", "")
    stand.receive(stand.put_back())
    assert stand.seen[-1][0].idempotency_key == "k.again1"


def test_what_nobody_could_read_is_known_by_its_name_when_it_is_put_back(stand):
    assert stand.receive("{ no message", name=None).reason is Reason.UNDECODABLE
    [key] = stand.ledger.items

    assert stand.receive(stand.put_back(key), name=key).reason is Reason.UNDECODABLE

    assert list(stand.ledger.items) == [key]
    assert stand.ledger.items[key].state is State.DEAD


def test_what_could_not_be_read_and_now_can_is_completed_under_its_name(stand):
    stand.receive("{ no message")
    [key] = stand.ledger.items
    stand.put_back(key)
    stand.does = succeed

    assert stand.receive('{"n": 1}', name=key) == outcome.Done()
    assert {name: item.state for name, item in stand.ledger.items.items()} == {key: State.COMPLETED}


def test_a_name_beside_a_message_that_names_itself_means_nothing(stand):
    stand.does = succeed

    stand.receive(a_body(), name="another")

    assert list(stand.ledger.items) == ["k"]


def test_one_that_expired_dies_of_that_again(stand):
    message = a_message(b"{}", idempotency_key="k", expires_at=stand.clock.now())
    stand.receive(encode(message))
    body = stand.put_back()

    assert stand.receive(body).reason is Reason.EXPIRED
    assert stand.ledger.items["k"].state is State.DEAD
