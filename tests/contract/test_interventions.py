"""The contract of interventions, for every ledger."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headworks.errors import Unavailable
from headworks.ledger import layout
from headworks.ledger.dynamodb import DynamoDBLedger
from headworks.ledger.interventions import DynamoDBInterventions, MemoryInterventions
from headworks.ledger.ledger import Entry, Failure, Letter, State
from headworks.ledger.memory import MemoryLedger
from headworks.outcome import Reason
from headworks.queue import KEPT_BACK
from headworks.testing.clock import NEW_YEAR
from tests.conftest import LEDGER_TABLE
from tests.support.declarations import a_queue
from tests.support.partiql import read_partiql

MINUTE = timedelta(minutes=1)
LETTER = Letter(body='{"n": 1}', sent_at=NEW_YEAR)
FAILURE = Failure(attempt=1, at=NEW_YEAR, error_type="ValueError", error="no")


class Stand:
    """A consumer's ledger, and what operators do to it."""

    def __init__(self, ledger, interventions, client=None, table=None):
        self.ledger, self.interventions, self.client, self.table = ledger, interventions, client, table

    def lease(self, key):
        [lease] = self.ledger.lease([entry(key)], lasts=MINUTE)
        return lease


@pytest.fixture(params=["memory", "moto", pytest.param("emulator", marks=pytest.mark.e2e)])
def stand(request, clock):
    if request.param == "memory":
        ledger = MemoryLedger(clock)
        return Stand(ledger, MemoryInterventions(ledger))
    if request.param == "moto":
        aws = request.getfixturevalue("aws")
        client, table = aws("dynamodb"), "ledger"
        read_partiql(client, through=aws("dynamodb"))
        client.create_table(TableName=table, **LEDGER_TABLE)
    else:
        client = request.getfixturevalue("emulator_clients")("dynamodb")
        table = request.getfixturevalue("ledger_table")
    return Stand(
        DynamoDBLedger(a_queue(), "fulfil_order", client, table=table, clock=clock),
        DynamoDBInterventions(a_queue(), "fulfil_order", client, table=table, clock=clock),
        client,
        table,
    )


def entry(key):
    return Entry(key=key, message_id=f"msg_{key}", type="t", source="stripe")


def test_what_is_let_go_is_due_and_nothing_else_is(stand, clock):
    held = clock.now() + KEPT_BACK
    for key in ("a", "b"):
        stand.ledger.hold(entry(key), LETTER, due=held)

    assert stand.interventions.let_go("a", was_due=held, due=clock.now())

    [waiting] = stand.ledger.waiting(due_before=clock.now(), limit=10)
    assert (waiting.entry, waiting.due, waiting.attempt) == (entry("a"), clock.now(), 0)
    assert stand.ledger.letter(entry("a")) == LETTER


def test_it_is_let_go_once(stand, clock):
    held = clock.now() + KEPT_BACK
    stand.ledger.hold(entry("a"), LETTER, due=held)
    stand.interventions.let_go("a", was_due=held, due=clock.now())

    assert not stand.interventions.let_go("a", was_due=held, due=clock.now() - MINUTE)
    assert not stand.interventions.let_go("unheard-of", was_due=held, due=clock.now())
    [waiting] = stand.ledger.waiting(due_before=clock.now(), limit=10)
    assert waiting.due == clock.now()


def test_states_are_told_of_what_is_known(stand, clock):
    stand.ledger.hold(entry("waiting"), LETTER, due=clock.now())
    stand.ledger.complete([stand.lease("completed")])
    stand.lease("running")

    assert stand.interventions.states(["waiting", "completed", "running", "unheard-of"]) == {
        "waiting": State.WAITING,
        "completed": State.COMPLETED,
        "running": State.RUNNING,
    }


def test_what_was_to_be_tried_again_can_be_withdrawn_and_is_on_no_list_then(stand, clock):
    stand.ledger.retry(stand.lease("a"), FAILURE, due=clock.now())

    assert stand.interventions.withdraw("a")

    assert stand.interventions.states(["a"]) == {}
    assert not stand.interventions.withdraw("a")
    assert stand.lease("a").attempt == 1


def test_nothing_else_can_be_withdrawn(stand, clock):
    stand.lease("running")
    stand.ledger.complete([stand.lease("completed")])
    dead = stand.lease("dead")
    stand.ledger.bury(dead.entry, LETTER, reason=Reason.REJECTED, failure=FAILURE, holder=dead)
    before = stand.interventions.states(["running", "completed", "dead"])

    assert not any(stand.interventions.withdraw(key) for key in before)

    assert stand.interventions.states(before) == before


@pytest.mark.parametrize("stand", ["moto"], indirect=True)
def test_what_is_let_go_is_forgotten_as_soon_as_any_other(stand, clock):
    held = clock.now() + KEPT_BACK
    stand.ledger.hold(entry("a"), LETTER, due=held)

    stand.interventions.let_go("a", was_due=held, due=clock.now())

    identity = layout.identity("orders/fulfil_order", "a")
    forgotten = int((clock.now() + a_queue().memory_of_keys).timestamp())
    for id_ in (identity, layout.body_id(identity)):
        item = stand.client.get_item(TableName=stand.table, Key={"id": {"S": id_}})["Item"]
        assert int(item["expiration"]["N"]) == forgotten


def test_a_ledger_that_is_down_is_unavailable(clock):
    ledger = MemoryLedger(clock)
    ledger.down = True

    with pytest.raises(Unavailable):
        MemoryInterventions(ledger).withdraw("a")
