"""Dead letters that are kept for a time only: when their items expire."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headworks.ledger import layout
from headworks.ledger.dead_letters import Putting
from headworks.ledger.dynamodb import DynamoDBLedger
from headworks.ledger.dynamodb_dead_letters import DynamoDBDeadLetters
from headworks.ledger.ledger import Entry, Failure, Lease, Letter
from headworks.outcome import Reason
from headworks.testing.clock import NEW_YEAR
from tests.conftest import LEDGER_TABLE
from tests.support.declarations import SECOND, a_queue
from tests.support.partiql import read_partiql

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
KEPT_FOR = 10 * DAY
QUEUE = a_queue(dead_letters_kept_for=KEPT_FOR)
ENTRY = Entry(key="k", message_id="msg_k", type="t", source="s")
LETTER, OTHER = Letter(body="{}", sent_at=NEW_YEAR), Letter(body="[]", sent_at=NEW_YEAR)
FAILURE = Failure(attempt=1, at=NEW_YEAR, error_type="ValueError", error="no")


class Stand:
    """A ledger whose queue keeps dead letters for ten days, and what lies in its table."""

    def __init__(self, client, table, clock, queue=QUEUE):
        self.client, self.table, self.clock = client, table, clock
        self.ledger = DynamoDBLedger(queue, "fulfil_order", client, table=table, clock=clock)
        self.dead_letters = DynamoDBDeadLetters(queue, "fulfil_order", client, table=table, clock=clock)

    def lease(self):
        [lease] = self.ledger.lease([ENTRY], lasts=MINUTE)
        assert isinstance(lease, Lease)
        return lease

    def die(self):
        lease = self.lease()
        self.ledger.bury(ENTRY, LETTER, reason=Reason.EXHAUSTED, failure=FAILURE, holder=lease)
        return lease

    def put_back(self):
        now = self.clock.now()
        putting = Putting(replay="rpl_1", by="ada", at=now, died_before=now)
        self.dead_letters.sent(self.dead_letters.claim(["k"], putting, lasts=MINUTE))

    def expire(self):
        """How long from now until item and body expire."""
        identity = layout.identity("orders/fulfil_order", "k")
        return [self._expires(each) for each in (identity, layout.body_id(identity))]

    def _expires(self, identity):
        key = {"id": layout.string(identity)}
        item = self.client.get_item(TableName=self.table, Key=key, ConsistentRead=True)["Item"]
        if "expiration" not in item:
            return None
        return timedelta(seconds=int(item["expiration"]["N"]) - self.clock.now().timestamp())


@pytest.fixture(params=["moto", pytest.param("emulator", marks=pytest.mark.e2e)])
def store(request):
    if request.param == "emulator":
        clients = request.getfixturevalue("emulator_clients")
        return clients("dynamodb"), request.getfixturevalue("ledger_table")
    aws = request.getfixturevalue("aws")
    aws("dynamodb").create_table(TableName="ledger", **LEDGER_TABLE)
    client = aws("dynamodb")
    read_partiql(client, through=aws("dynamodb"))
    return client, "ledger"


@pytest.fixture
def stand(store, clock):
    return Stand(*store, clock)


def test_a_dead_letter_and_its_body_expire_after_the_time_that_the_queue_says(stand):
    stand.die()

    assert stand.expire() == [KEPT_FOR, KEPT_FOR]


def test_so_do_those_that_were_never_run(stand):
    stand.ledger.bury(ENTRY, LETTER, reason=Reason.EXPIRED, failure=None)

    assert stand.expire() == [KEPT_FOR, KEPT_FOR]


def test_by_default_they_are_kept_until_somebody_deletes_them(store, clock):
    stand = Stand(*store, clock, queue=a_queue())
    stand.die()

    item, body = stand.expire()
    assert item > 10_000 * DAY
    assert body is None


def test_the_time_begins_anew_with_the_next_death(stand, clock):
    stand.die()
    clock.advance(9 * DAY)
    stand.put_back()
    assert min(stand.expire()) >= QUEUE.memory_of_keys
    stand.die()

    assert stand.expire() == [KEPT_FOR, KEPT_FOR]


def test_a_late_owner_that_lets_it_wait_does_not_touch_what_is_dead(stand, clock):
    lost = stand.lease()
    clock.advance(2 * MINUTE)
    stand.ledger.bury(ENTRY, LETTER, reason=Reason.EXPIRED, failure=None)

    took = stand.ledger.wait(lost, FAILURE, OTHER, due=clock.now() + DAY)

    assert not took
    assert stand.ledger.letter(ENTRY) == LETTER
    assert stand.expire() == [KEPT_FOR, KEPT_FOR]


def test_what_was_put_back_may_wait_as_any_message(stand, clock):
    stand.die()
    clock.advance(SECOND)
    stand.put_back()

    assert stand.ledger.wait(stand.lease(), FAILURE, OTHER, due=clock.now() + DAY)

    assert stand.ledger.letter(ENTRY) == OTHER
