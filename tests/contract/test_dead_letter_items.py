"""What putting dead letters back leaves in the table, and what happens between a read and a write of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headworks.ledger import layout
from headworks.ledger.dead_letters import Claim, Putting, Refusal
from headworks.ledger.dynamodb import DynamoDBLedger
from headworks.ledger.dynamodb_dead_letters import DynamoDBDeadLetters
from headworks.ledger.layout import string
from headworks.ledger.ledger import Closed, Entry, Lease, Letter, State
from headworks.outcome import Reason
from headworks.testing.clock import NEW_YEAR
from tests.conftest import LEDGER_TABLE
from tests.support.declarations import SECOND, a_queue
from tests.support.partiql import read_partiql

MINUTE = timedelta(minutes=1)
QUEUE = a_queue()
LETTER = Letter(body='{"n": 1}', sent_at=NEW_YEAR)
OTHER = Letter(body='{"n": 2}', sent_at=NEW_YEAR)
ENTRY = Entry(key="k", message_id="msg_k", type="t", source="s")
IDENTITY = layout.identity("orders/fulfil_order", "k")


class Stand:
    """One dead letter, its consumer, and two operators with clients of their own."""

    def __init__(self, new_client, table, clock, *, queue=QUEUE):
        self.table, self.clock = table, clock
        self.reader = new_client()
        self.ledger = DynamoDBLedger(queue, "fulfil_order", new_client(), table=table, clock=clock)
        self.client = new_client()
        self.mine, self.others = (
            DynamoDBDeadLetters(queue, "fulfil_order", client, table=table, clock=clock)
            for client in (self.client, new_client())
        )

    def bury(self, letter=LETTER):
        [lease] = self.ledger.lease([ENTRY], lasts=MINUTE)
        self.ledger.bury(ENTRY, letter, reason=Reason.REJECTED, failure=None, holder=lease)
        self.clock.advance(SECOND)

    def complete(self):
        assert self.ledger.complete(self.ledger.lease([ENTRY], lasts=MINUTE)) == [True]
        self.clock.advance(SECOND)

    def claim(self, dead_letters=None, *, replay="rpl_1", **fields):
        now = self.clock.now()
        putting = Putting(replay=replay, by="ops", at=now, died_before=now, **fields)
        [answer] = (dead_letters or self.mine).claim(["k"], putting, lasts=2 * MINUTE)
        return answer

    def before_my_next(self, operation, act):
        """Have something happen between what I have read and what I write."""
        name = f"before-parameter-build.dynamodb.{operation}"

        def once(**_):
            self.client.meta.events.unregister(name, once)
            act()

        self.client.meta.events.register(name, once)

    def item(self, identity=IDENTITY):
        return self.reader.get_item(
            TableName=self.table, Key={"id": string(identity)}, ConsistentRead=True
        ).get("Item", {})

    @property
    def body(self):
        return self.item(layout.body_id(IDENTITY))

    @property
    def state(self):
        return State(self.item()["state"]["S"])


@pytest.fixture(params=["moto", pytest.param("emulator", marks=pytest.mark.e2e)])
def new_stand(request, clock):
    """Answers a stand for a declaration."""
    if request.param == "emulator":
        clients, table = request.getfixturevalue("emulator_clients"), request.getfixturevalue("ledger_table")
        return lambda queue: Stand(lambda: clients("dynamodb"), table, clock, queue=queue)
    aws = request.getfixturevalue("aws")
    aws("dynamodb").create_table(TableName="ledger", **LEDGER_TABLE)

    def new_client():
        client = aws("dynamodb")
        read_partiql(client, through=aws("dynamodb"))
        return client

    return lambda queue: Stand(new_client, "ledger", clock, queue=queue)


@pytest.fixture
def stand(new_stand):
    return new_stand(QUEUE)


def expiration(item):
    return int(item["expiration"]["N"]) if "expiration" in item else None


def test_the_body_of_what_is_on_its_way_lives_as_long_as_a_wait_and_its_last_copy_can_be(stand):
    stand.bury()
    assert expiration(stand.body) is None
    claim = stand.claim()
    assert expiration(stand.body) is None

    stand.mine.sent([claim])

    expected = stand.clock.now() + QUEUE.memory_of_waits
    assert expiration(stand.body) == int(expected.timestamp())
    assert expiration(stand.item()) == int((stand.clock.now() + QUEUE.memory_of_keys).timestamp())


def test_the_body_of_what_has_died_again_stays_for_good_whoever_marks_it_late(stand):
    stand.bury()
    claim = stand.claim()
    stand.bury(OTHER)

    stand.mine.sent([claim])

    assert expiration(stand.body) is None
    assert expiration(stand.item()) == layout.NEVER
    assert stand.state is State.DEAD


def test_the_body_of_what_died_after_it_was_marked_stays_for_good(stand):
    stand.bury()
    stand.mine.sent([stand.claim()])

    stand.bury(OTHER)

    assert expiration(stand.body) is None
    assert stand.body["body"] == string(OTHER.body)


def test_the_body_of_what_was_edited_stays_whatever_copy_of_it_dies(stand):
    stand.bury()
    stand.mine.edit("k", OTHER, by="ada")
    stand.mine.sent([stand.claim()])

    assert stand.ledger.bury(ENTRY, LETTER, reason=Reason.CRASHED, failure=None) is State.DEAD

    assert expiration(stand.body) is None
    assert stand.body["body"] == string(OTHER.body)


def test_another_message_that_dies_under_the_key_of_an_edited_one_is_kept(stand):
    stand.bury()
    stand.mine.edit("k", OTHER, by="ada")
    stand.reader.delete_item(TableName=stand.table, Key={"id": string(IDENTITY)})
    another = Entry(key="k", message_id="msg_later", type="t", source="s")
    letter = Letter(body="later", sent_at=NEW_YEAR)

    stand.ledger.bury(another, letter, reason=Reason.EXPIRED, failure=None)

    assert stand.body["body"] == string("later")
    stand.clock.advance(SECOND)
    stand.mine.edit("k", OTHER, by="ada")
    assert stand.item(layout.original_id(IDENTITY))["body"] == string("later")


def test_the_body_of_what_was_completed_stays_for_good_while_it_is_put_back(stand):
    stand.bury()
    stand.mine.sent([stand.claim()])
    stand.complete()

    claim = stand.claim(again=True, replay="rpl_2")

    assert isinstance(claim, Claim)
    assert (expiration(stand.body), expiration(stand.item())) == (layout.NEVER, layout.NEVER)
    stand.mine.give_back([claim])
    assert expiration(stand.item()) == int((stand.clock.now() + QUEUE.memory_of_keys).timestamp())


def test_an_edit_prolongs_no_dead_letter_that_is_kept_for_a_time(new_stand):
    stand = new_stand(a_queue(dead_letters_kept_for=timedelta(days=30)))
    stand.bury()
    before = stand.body

    stand.mine.edit("k", OTHER, by="ada")

    assert (stand.body["expiration"], stand.body[layout.KEPT]) == (before["expiration"], before[layout.KEPT])


@pytest.mark.parametrize("edited", [False, True])
def test_what_is_kept_for_a_time_does_not_expire_once_it_is_sent(new_stand, edited):
    stand = new_stand(a_queue(dead_letters_kept_for=timedelta(days=3)))
    stand.bury()
    if edited:
        stand.mine.edit("k", OTHER, by="ada")

    stand.mine.sent([stand.claim()])

    assert expiration(stand.body) >= int((stand.clock.now() + QUEUE.memory_of_waits).timestamp())
    assert expiration(stand.item()) >= int((stand.clock.now() + QUEUE.memory_of_keys).timestamp())


def test_a_claim_is_not_made_where_another_came_in_between(stand):
    stand.bury()
    stand.before_my_next("BatchExecuteStatement", lambda: stand.claim(stand.others, replay="rpl_2"))

    assert stand.claim() is Refusal.BUSY

    assert stand.item()["replay"] == string("rpl_2")


def test_a_claim_that_another_gave_back_in_between_is_made_anew(stand):
    stand.bury()
    stand.before_my_next(
        "BatchExecuteStatement",
        lambda: stand.others.give_back([stand.claim(stand.others, replay="rpl_2")]),
    )

    claim = stand.claim()

    assert isinstance(claim, Claim)
    assert stand.item()["replay"] == string("rpl_1")
    assert stand.item()["owner"] == string(claim.token)


def test_a_claim_has_the_letter_as_it_was_edited_in_between(stand):
    stand.bury()
    stand.before_my_next("BatchExecuteStatement", lambda: stand.others.edit("k", OTHER, by="ada"))

    assert stand.claim().letter == OTHER


def test_nothing_is_claimed_that_was_taken_away_in_between(stand):
    stand.bury()
    stand.before_my_next("BatchExecuteStatement", lambda: stand.others.take_away("k"))

    assert stand.claim() is Refusal.GONE

    assert (stand.item(), stand.body) == ({}, {})


def test_nothing_is_sent_again_that_completed_in_between(stand):
    stand.bury()
    stand.mine.sent([stand.claim(replay="rpl_0")])
    stand.complete()
    claim = stand.claim(again=True)
    stand.mine.give_back([claim])
    stand.before_my_next(
        "BatchExecuteStatement",
        lambda: stand.others.sent([stand.claim(stand.others, again=True, replay="rpl_2")]),
    )

    assert stand.claim(again=True, replay="rpl_3") is Refusal.BUSY


def test_an_edit_waits_for_what_came_in_between(stand):
    stand.bury()
    stand.before_my_next("TransactWriteItems", lambda: stand.claim(stand.others, replay="rpl_2"))

    assert stand.mine.edit("k", OTHER, by="ada") is State.REPLAYING

    assert stand.body["body"] == string(LETTER.body)


def test_nothing_is_taken_away_that_somebody_puts_back_in_between(stand):
    stand.bury()
    stand.before_my_next("TransactWriteItems", lambda: stand.claim(stand.others, replay="rpl_2"))

    assert stand.mine.take_away("k") is State.REPLAYING

    assert stand.body["body"] == string(LETTER.body)


def test_a_message_that_runs_before_its_mark_is_not_marked(stand):
    stand.bury()
    claim = stand.claim()
    running = []
    stand.before_my_next(
        "BatchExecuteStatement", lambda: running.extend(stand.ledger.lease([ENTRY], lasts=MINUTE))
    )

    stand.mine.sent([claim])

    [lease] = running
    assert isinstance(lease, Lease)
    assert stand.state is State.RUNNING
    assert stand.ledger.complete([lease]) == [True]
    assert stand.ledger.lease([ENTRY], lasts=MINUTE) == [Closed(state=State.COMPLETED)]


def test_a_claim_whose_answer_was_lost_is_known_for_ones_own(stand):
    stand.bury()
    made = []

    def lose_the_answer(parsed, **_):
        # As if botocore had repeated the call: the statement meets its own change.
        if not made:
            made.append(True)
            parsed["Responses"] = [{"Error": {"Code": "ConditionalCheckFailed"}}]

    stand.client.meta.events.register("after-call.dynamodb.BatchExecuteStatement", lose_the_answer)

    claim = stand.claim()

    assert isinstance(claim, Claim)
    assert stand.item()["owner"] == string(claim.token)
    assert stand.item()["replays"] == {"N": "1"}
