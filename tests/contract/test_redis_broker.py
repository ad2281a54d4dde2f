"""The library's broker over Redis: what is in an entry, what is kept of the dead, and sends that share a call."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from uuid import uuid4

import pytest

from headworks import outcome
from headworks.brokers.broker import Settled
from headworks.brokers.redis.acceptance import Acceptance, Offer
from headworks.brokers.redis.async_connection import AsyncConnection
from headworks.brokers.redis.broker import RedisBroker, delivery_of
from headworks.brokers.redis.coalescing import Coalescing
from headworks.brokers.redis.connection import Connection
from headworks.brokers.redis.dead_stream import DeadStream
from headworks.brokers.redis.deliveries import Deliveries
from headworks.brokers.redis.keys import Keys
from headworks.brokers.redis.operation import command
from headworks.errors import InvalidMessage, Reject
from headworks.ledger.ledger import Letter
from headworks.message import encode
from headworks.outcome import Reason
from tests.support.declarations import SECOND, a_message, a_queue
from tests.support.guarded_scripts import guarded_scripts
from tests.support.turns import PATIENCE_SECONDS


class Stand:
    """A broker of the only consumer, and its process."""

    def __init__(self, server, log, clock, **declared):
        self.queue = a_queue(**declared)
        self.keys = Keys(self.queue.name, namespace=str(uuid4()))
        self.of = self.keys.of(*self.queue.consumers)
        self.connection = Connection(server.address)
        scripts = guarded_scripts()
        fifo = self.queue.fifo
        self.deliveries = Deliveries(self.of, "process", lease=30 * SECOND, fifo=fifo, scripts=scripts)
        self.broker = RedisBroker(
            self.queue,
            *self.queue.consumers,
            self.connection,
            self.keys,
            self.deliveries,
            log=log,
            keeps_dead_letters=True,
            scripts=scripts,
            clock=clock,
        )

    def take(self, block=0.0):
        received = self.connection.run(self.deliveries.fetch(10, block=block, idle=True)).deliveries
        return [delivery_of(each) for each in received]

    def settle(self, delivery, verdict, message=None):
        return self.broker.settle([Settled(delivery=delivery, outcome=verdict, message=message)])

    def letters(self, **options):
        return self.connection.run(DeadStream(self.of).page(**{"limit": 10, **options}))


@pytest.fixture
def make_stand(newest_server, log, clock):
    made = []

    def make(**declared):
        made.append(Stand(newest_server, log, clock, **declared))
        return made[-1]

    yield make
    for stand in made:
        stand.connection.close()


@pytest.fixture
def stand(make_stand):
    return make_stand()


def test_a_retry_comes_back_after_its_wait_with_its_history(stand, clock):
    message = a_message()
    stand.broker.send([message])
    [delivery] = stand.take()

    kept = stand.settle(delivery, outcome.Retry(after=timedelta(milliseconds=20), error=ValueError("no")))

    [again] = stand.take(block=PATIENCE_SECONDS)
    past = again.record["received"].past
    assert kept == {message.id}
    assert (again.body, again.receive_count, again.sent_at) == (encode(message), 1, delivery.sent_at)
    assert (past.attempts, past.failures[0].error_type, past.failures[0].at) == (1, "ValueError", clock.now())


def test_a_repeat_answers_the_id_of_the_first(stand):
    first, second = a_message(idempotency_key="k"), a_message(idempotency_key="k")
    stand.broker.send([first])

    [sent] = stand.broker.send([second])

    assert (sent.message_id, sent.error) == (first.id, None)


def test_a_dead_letter_is_kept_with_its_header_its_history_and_its_body(stand, clock):
    message = a_message(idempotency_key="k", tenant="t")
    stand.broker.send([message])
    [delivery] = stand.take()

    stand.settle(delivery, outcome.Dead(reason=Reason.REJECTED, error=Reject("a bad order")), message)

    [kept] = stand.letters().letters
    letter = kept.letter
    assert (kept.message_id, kept.body.decode()) == (message.id, encode(message))
    assert (letter.reason, letter.error_type, letter.error) == ("rejected", "Reject", "a bad order")
    assert (letter.key, letter.tenant, letter.attempts, letter.died_at) == ("k", "t", 1, clock.now())
    assert [each.error for each in letter.failures] == ["a bad order"]


def test_dead_letters_are_listed_newest_first_in_pages_with_a_filter(stand):
    for n in range(7):
        stand.broker.bury(a_message(idempotency_key=f"k{n}"), reason="quarantined", error=f"{n % 2}")

    seen, cursor = [], None
    while True:
        page = stand.letters(limit=2, cursor=cursor, only=lambda letter: letter.error == "0")
        seen += [each.letter.key for each in page.letters]
        cursor = page.cursor
        if cursor is None:
            break

    assert seen == ["k6", "k4", "k2", "k0"]


def test_a_dead_letter_is_read_and_taken_away_by_its_place(stand):
    stand.broker.bury(a_message(idempotency_key="k"), reason="quarantined", error="odd")
    dead = DeadStream(stand.of)
    [kept] = stand.letters().letters

    assert stand.connection.run(dead.read(kept.place)) == kept
    assert stand.connection.run(dead.take_away([kept.place])) == 1
    assert stand.connection.run(dead.read(kept.place)) is None


def test_a_letter_that_is_put_back_twice_is_done_once(stand):
    message = a_message()
    letter = Letter(body=encode(message), sent_at=message.time)
    for sending in (1, 2):
        assert stand.broker.resend(message.id, letter, delay=0 * SECOND, sending=sending) is None
    first, second = stand.take()
    stand.settle(first, outcome.Done())
    stand.settle(second, outcome.Defer(after=timedelta(milliseconds=1), why="its twin is at work"))

    assert stand.take(block=0.1) == []


def test_a_letter_of_an_ordered_queue_queues_up_behind_what_is_in_line(make_stand):
    stand = make_stand(fifo=True)
    stand.broker.send([a_message(ordering_key="o", idempotency_key=name) for name in "ab"])
    dead = a_message(ordering_key="o", idempotency_key="dead")
    letter = Letter(body=encode(dead), sent_at=dead.time, ordering_key="o")
    stand.broker.resend(dead.id, letter, delay=0 * SECOND, sending=1)

    seen = []
    while deliveries := stand.take():
        for each in deliveries:
            seen.append(json.loads(each.body)["idempotencykey"])
            stand.settle(each, outcome.Done())

    assert seen == ["a", "b", "dead"]


def test_what_is_settled_too_late_is_told(stand, log):
    stand.broker.send([a_message()])
    [delivery] = stand.take()
    stand.settle(delivery, outcome.Done())

    stand.settle(delivery, outcome.Done())

    assert [fields["what"] for _, fields in log.lines] == ["its lease had ended before it was settled"]


def test_deleting_what_is_settled_does_nothing_and_what_isnt_is_done(stand):
    stand.broker.send([a_message(), a_message()])
    settled, held = stand.take()
    stand.settle(settled, outcome.Done())

    stand.broker.delete([settled, held])

    assert stand.deliveries.held == {}


def test_a_message_that_is_too_large_is_refused_before_anything_is_sent(stand):
    large = a_message(b'"' + b"x" * 1024 * 1024 + b'"')

    with pytest.raises(InvalidMessage, match="over the limit of 1,048,576"):
        stand.broker.send([a_message(), large])

    assert stand.take() == []


def test_concurrent_single_sends_share_calls_and_get_their_own_answers(newest_server):
    keys = Keys("orders", namespace=str(uuid4()))
    acceptance = Acceptance(keys, ["handle"], window=timedelta(minutes=1), scripts=guarded_scripts())

    async def send():
        async with AsyncConnection(newest_server.address) as connection:
            coalescing = Coalescing(acceptance, connection)
            before = await _calls(connection)
            offers = [Offer(id=f"m{n}", key=f"k{n % 100}", body="1") for n in range(200)]
            accepted = await asyncio.gather(*(coalescing.send(each) for each in offers))
            return accepted, await _calls(connection) - before

    accepted, calls = asyncio.run(send())

    assert [each.message_id for each in accepted] == [f"m{n % 100}" for n in range(200)]
    assert [each.duplicate for each in accepted] == [False] * 100 + [True] * 100
    assert calls <= 3


def test_a_send_that_cant_go_fails_alone_when_it_is_alone_and_the_next_one_goes(newest_server):
    keys = Keys("orders", namespace=str(uuid4()))
    acceptance = Acceptance(keys, ["handle"], window=timedelta(minutes=1), fifo=True)

    async def send():
        async with AsyncConnection(newest_server.address) as connection:
            coalescing = Coalescing(acceptance, connection)
            with pytest.raises(InvalidMessage):
                await coalescing.send(Offer(id="m", key="m", body="1"))
            return await coalescing.send(Offer(id="n", key="n", body="1", ordering_key="o"))

    assert asyncio.run(send()).error is None


async def _calls(connection):
    """How many scripts the server has run."""
    told = (await connection.run(_ask("INFO", "commandstats"))).decode()
    counts = [line.partition("calls=")[2].split(",")[0] for line in told.splitlines() if "_eval" in line]
    return sum(map(int, counts))


def _ask(*arguments):
    return (yield command(*arguments))
