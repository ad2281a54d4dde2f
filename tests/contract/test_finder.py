"""Where is my event?  The finder's contract, for what is kept in memory and in DynamoDB."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from uuid import uuid4

import pytest

from headworks.deduplication import DynamoDBAcceptances, DynamoDBDeduplication
from headworks.errors import Unavailable
from headworks.fingerprint import fingerprint, new_message_id
from headworks.ledger.catalogue import Address
from headworks.ledger.dead_letters import Putting
from headworks.ledger.dynamodb import DynamoDBLedger
from headworks.ledger.dynamodb_catalogue import DynamoDBCatalogue
from headworks.ledger.dynamodb_dead_letters import DynamoDBDeadLetters
from headworks.ledger.ledger import Entry, Failure, Letter, State
from headworks.ledger.memory import MemoryLedger
from headworks.ledger.memory_catalogue import MemoryCatalogue
from headworks.ledger.memory_dead_letters import MemoryDeadLetters
from headworks.operations.keyed_finder import KeyedFinder
from headworks.operations.on_redis import OnRedis
from headworks.outcome import Reason
from headworks.producer import Outgoing, Producer
from headworks.testing.broker import MemoryBroker
from headworks.testing.deduplication import MemoryAcceptances, MemoryDeduplication
from pipeline import TOPOLOGY
from pipeline.queues import ORDER_EVENTS, ORDERS, PAYMENTS, WEBHOOKS
from tests.conftest import LEDGER_TABLE
from tests.support.declarations import SECOND
from tests.support.partiql import read_partiql

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
DELIVER = Address(WEBHOOKS.name, "deliver_webhook")
CONFIRM = Address(PAYMENTS.name, "confirm_payment")
FULFIL = Address(ORDERS.name, "fulfil_order")
MOST_READS = 3
MEMORY_TABLE = {
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


class Memory:
    """Everything in memory; reads aren't counted."""

    def __init__(self, clock):
        self.clock, self.reads = clock, Counter()
        self.memories = {queue.name: MemoryDeduplication() for queue in TOPOLOGY.queues}
        self.ledgers = {
            Address(queue.name, consumer): MemoryLedger(clock)
            for queue in TOPOLOGY.queues
            for consumer in queue.consumers
        }
        self.acceptances = MemoryAcceptances(self.memories)
        self.catalogue = MemoryCatalogue(self.ledgers, clock)

    def memory(self, queue):
        return self.memories[queue.name]

    def dead_letters(self, address):
        return MemoryDeadLetters(self.ledgers[address], self.clock)


class DynamoDB:
    """Everything in DynamoDB's tables; `reads` counts the calls of whoever finds."""

    def __init__(self, clock, clients, *, on_moto):
        self.clock, self.reads = clock, Counter()
        self._client = clients("dynamodb")
        if on_moto:
            read_partiql(self._client, through=clients("dynamodb"))
        self._ledger, self._memory = f"ledger-{uuid4().hex}", f"memory-{uuid4().hex}"
        self._client.create_table(TableName=self._ledger, **LEDGER_TABLE)
        self._client.create_table(TableName=self._memory, **MEMORY_TABLE)
        self.ledgers = {
            Address(queue.name, consumer): DynamoDBLedger(
                queue, consumer, self._client, table=self._ledger, clock=clock
            )
            for queue in TOPOLOGY.queues
            for consumer in queue.consumers
        }
        reader = clients("dynamodb")
        reader.meta.events.register(
            "before-call.dynamodb", lambda model, **_: self.reads.update([model.name])
        )
        self.acceptances = DynamoDBAcceptances(reader, table=self._memory)
        self.catalogue = DynamoDBCatalogue(reader, table=self._ledger, clock=clock)

    def memory(self, queue):
        return DynamoDBDeduplication(queue, self._client, table=self._memory, clock=self.clock)

    def dead_letters(self, address):
        queue = TOPOLOGY.queue(address.queue)
        return DynamoDBDeadLetters(
            queue, address.consumer, self._client, table=self._ledger, clock=self.clock
        )


class Stand:
    """What accepts, runs and finds."""

    def __init__(self, stores, clock, log):
        self.stores, self.clock, self.log = stores, clock, log
        self.sent = {}
        self.finder = KeyedFinder(
            topology=TOPOLOGY,
            acceptances=stores.acceptances,
            catalogue=stores.catalogue,
            on_redis=OnRedis([], lambda: None),
            clock=clock,
        )

    def accept(self, key, queue=WEBHOOKS, **fields):
        """Take a message in at a queue's edge; answers what the sender is told."""
        producer = Producer(
            queue, MemoryBroker(), log=self.log, deduplication=self.stores.memory(queue), clock=self.clock
        )
        outgoing = Outgoing(
            data={}, type="invoice.paid", source="stripe", idempotency_key=key, ordering_key="ada", **fields
        )
        return producer.send(outgoing)

    def lease(self, accepted, key, address=DELIVER):
        entry = Entry(key=key, message_id=accepted.message_id, type="invoice.paid", source="stripe")
        [lease] = self.stores.ledgers[address].lease([entry], lasts=MINUTE)
        return lease

    def complete(self, accepted, key, address=DELIVER):
        self.stores.ledgers[address].complete([self.lease(accepted, key, address)])

    def bury(self, accepted, key):
        lease = self.lease(accepted, key)
        self.stores.ledgers[DELIVER].bury(
            lease.entry, self.letter, reason=Reason.EXHAUSTED, failure=self.failure, holder=lease
        )
        self.clock.advance(SECOND)

    def find(self, name):
        """What is found, in no more calls than an operator's question may cost."""
        self.stores.reads.clear()
        found = self.finder.find(name)
        assert self.stores.reads.total() <= MOST_READS, self.stores.reads
        return found

    def the_story(self, name):
        [story] = self.find(name).stories
        return story

    @property
    def letter(self):
        return Letter(body="{}", sent_at=self.clock.now())

    @property
    def failure(self):
        return Failure(attempt=1, at=self.clock.now(), error_type="Retry", error="answered 503")


@pytest.fixture(params=["memory", "moto", pytest.param("emulator", marks=pytest.mark.e2e)])
def stand(request, clock, log):
    if request.param == "memory":
        return Stand(Memory(clock), clock, log)
    on_moto = request.param == "moto"
    clients = request.getfixturevalue("aws" if on_moto else "emulator_clients")
    return Stand(DynamoDB(clock, clients, on_moto=on_moto), clock, log)


KEY = "stripe:evt_1/default"


def names_of(accepted):
    """All that an operator may know a webhook by."""
    return [accepted.message_id, KEY, "evt_1"]


def test_what_was_accepted_and_nobody_has_taken_is_queued(stand):
    accepted = stand.accept(KEY)

    for name in names_of(accepted):
        found = stand.find(name)
        [received] = found.received
        assert (received.queue, received.message_id, received.key) == (
            WEBHOOKS.name,
            accepted.message_id,
            KEY,
        )
        assert (received.source, received.type, received.window) == ("stripe", "invoice.paid", 0)
        assert received.accepted_at == stand.clock.now()
        assert received.repeats_until == stand.clock.now() + WEBHOOKS.deduplication_window
        assert found.stories == ()
        assert found.queued == ((DELIVER, received),)


def test_what_was_delivered_at_its_first_attempt_is_found_by_every_name(stand):
    accepted = stand.accept(KEY)
    stand.complete(accepted, KEY)

    for name in names_of(accepted):
        found = stand.find(name)
        assert [(each.listed.address, each.listed.state) for each in found.stories] == [
            (DELIVER, State.COMPLETED)
        ]
        assert len(found.received) == 1
        assert found.queued == ()


def test_a_duplicate_has_the_story_of_the_first(stand):
    first = stand.accept(KEY)
    stand.complete(first, KEY)
    stand.clock.advance(MINUTE)
    again = stand.accept(KEY)

    assert again.duplicate
    [received] = stand.find(again.message_id).received
    assert received.accepted_at == stand.clock.now() - MINUTE


def test_a_copy_that_came_before_the_first_was_remembered_is_found_by_its_own_id(stand):
    first = stand.accept(KEY)
    stand.complete(first, KEY)
    stand.clock.advance(SECOND)
    copy = new_message_id(stand.clock.now(), fingerprint(WEBHOOKS.name, KEY))

    found = stand.find(copy)

    assert [each.message_id for each in found.received] == [first.message_id]
    assert [each.listed.entry.message_id for each in found.stories] == [first.message_id]


def test_what_retries_tells_its_error_and_when_it_is_due(stand):
    accepted, due = stand.accept(KEY), stand.clock.now() + MINUTE
    stand.stores.ledgers[DELIVER].retry(stand.lease(accepted, KEY), stand.failure, due=due)

    for name in names_of(accepted):
        story = stand.the_story(name)
        assert (story.listed.state, story.due) == (State.RETRYING, due)
        assert [each.error for each in story.history] == ["answered 503"]


def test_what_waits_shows_its_message_and_when_it_is_due(stand):
    accepted, due = stand.accept(KEY), stand.clock.now() + DAY
    lease = stand.lease(accepted, KEY)
    stand.stores.ledgers[DELIVER].wait(lease, stand.failure, stand.letter, due=due)

    for name in names_of(accepted):
        story = stand.the_story(name)
        assert (story.listed.state, story.due) == (State.WAITING, due)
        assert story.letter == stand.letter


def test_what_is_dead_shows_why_and_its_message(stand):
    accepted = stand.accept(KEY)
    stand.bury(accepted, KEY)

    for name in names_of(accepted):
        story = stand.the_story(name)
        assert (story.listed.state, story.listed.reason) == (State.DEAD, Reason.EXHAUSTED)
        assert story.letter is not None


def test_what_was_replayed_says_by_whom_and_why(stand):
    accepted = stand.accept(KEY)
    stand.bury(accepted, KEY)
    now = stand.clock.now()
    letters = stand.stores.dead_letters(DELIVER)
    putting = Putting(replay="rpl_1", by="ada", at=now, died_before=now, reason="their outage is over")
    letters.sent(letters.claim([KEY], putting, lasts=MINUTE))

    for name in names_of(accepted):
        story = stand.the_story(name)
        assert story.listed.state is State.RETRYING
        [replayed] = story.replayed
        assert (replayed.replay, replayed.by, replayed.reason) == ("rpl_1", "ada", "their outage is over")


def test_an_event_is_found_in_every_queue_that_it_went_to(stand):
    delivery, payment = stand.accept(KEY), stand.accept("stripe:evt_1", PAYMENTS)
    stand.complete(payment, "stripe:evt_1", CONFIRM)

    found = stand.find("evt_1")

    assert {each.message_id for each in found.received} == {delivery.message_id, payment.message_id}
    assert [each.listed.address for each in found.stories] == [CONFIRM]
    assert [address for address, _ in found.queued] == [DELIVER]


def test_an_order_is_found_by_its_id(stand):
    accepted = stand.accept("ord-7", ORDERS)
    stand.complete(accepted, "ord-7", FULFIL)

    found = stand.find("ord-7")

    assert [each.listed.address for each in found.stories] == [FULFIL]
    assert [each.message_id for each in found.received] == [accepted.message_id]


def test_consumers_that_know_nothing_of_it_are_queued_beside_those_that_do(stand):
    accepted = stand.accept("ord-7/paid", ORDER_EVENTS)
    first, second = (Address(ORDER_EVENTS.name, name) for name in ORDER_EVENTS.consumers)
    stand.complete(accepted, "ord-7/paid", first)

    found = stand.find(accepted.message_id)

    assert [each.listed.address for each in found.stories] == [first]
    assert [address for address, _ in found.queued] == [second]


def test_a_key_shows_all_its_windows_and_a_message_its_own(stand):
    first = stand.accept("k")
    stand.complete(first, "k")
    stand.clock.advance(WEBHOOKS.deduplication_window)
    second = stand.accept("k")
    stand.bury(second, "k.1")

    assert [story.listed.entry.key for story in stand.find("k").stories] == ["k", "k.1"]
    assert [each.window for each in stand.find("k").received] == [1]
    assert [story.listed.entry.key for story in stand.find(second.message_id).stories] == ["k.1"]
    assert [each.message_id for each in stand.find("k.1").received] == [second.message_id]
    assert [story.listed.entry.key for story in stand.find("k.1").stories] == ["k.1"]
    early = stand.find(first.message_id)
    assert [story.listed.entry.key for story in early.stories] == ["k"]
    assert (early.received, early.queued) == ((), ())


def test_what_was_removed_is_not_queued(stand):
    accepted = stand.accept(KEY)
    stand.stores.memory(WEBHOOKS).forget([accepted.message_id])

    found = stand.find(KEY)

    assert [each.forgotten for each in found.received] == [True]
    assert found.queued == ()


def test_nobody_still_has_to_take_what_the_ledgers_may_have_forgotten(stand):
    accepted = stand.accept("ord-7", ORDERS)
    stand.clock.advance(ORDERS.memory_of_keys)

    found = stand.find(accepted.message_id)

    assert len(found.received) == 1
    assert found.queued == ()


def test_a_ledger_alone_is_enough(stand):
    accepted = stand.accept(KEY)
    stand.bury(accepted, KEY)
    stand.finder = KeyedFinder(
        topology=TOPOLOGY,
        acceptances=MemoryAcceptances({queue.name: MemoryDeduplication() for queue in TOPOLOGY.queues}),
        catalogue=stand.stores.catalogue,
        on_redis=OnRedis([], lambda: None),
        clock=stand.clock,
    )

    for name in names_of(accepted):
        assert stand.the_story(name).listed.state is State.DEAD


@pytest.mark.parametrize(
    "name", ["", "unheard of", "k.1", "msg_", f"msg_{'0' * 12}7{'0' * 3}8{'0' * 15}", "x" * 3000]
)
def test_an_unknown_name_is_unknown(stand, name):
    found = stand.find(name)

    assert (found.received, found.stories, found.queued) == ((), (), ())


def test_a_memory_that_is_down_is_no_unknown_name(clock, log):
    stand = Stand(Memory(clock), clock, log)
    for memory in stand.stores.memories.values():
        memory.down = True

    with pytest.raises(Unavailable):
        stand.find("evt_1")
