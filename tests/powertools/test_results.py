"""After the effect: what plain Powertools remembers of it, and what a consumer here does."""

from __future__ import annotations

import json

import pytest
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.idempotency.exceptions import IdempotencyPersistenceLayerError
from botocore.exceptions import EndpointConnectionError

from headworks.errors import Reject
from headworks.ledger.ledger import Closed, Entry, State
from headworks.outcome import Dead, Done
from headworks.telemetry import Action
from headworks.testing.events import FakeContext, sqs_event
from tests.powertools.conftest import COMPLETED, IN_PROGRESS, an_order, failed
from tests.support.declarations import SECOND


class Outage:
    """While it lasts, one operation of a client finds nobody."""

    def __init__(self, client):
        self.operation = None
        self.met = 0
        client.meta.events.register("before-call.dynamodb", self._meet)

    def end(self):
        self.operation = None

    def _meet(self, model, params, **_):
        if self.operation is not None and self.operation in (model.name, _statement(params)):
            self.met += 1
            raise EndpointConnectionError(endpoint_url="dynamodb")


def _statement(params):
    """The verb of a bulk request."""
    statements = json.loads(params["body"]).get("Statements")
    return statements and statements[0]["Statement"].partition(" ")[0]


@pytest.fixture
def outage(dynamodb):
    return Outage(dynamodb)


# The effect happened, and saving that fails.


def receive_plainly(charge):
    """One order through Powertools' partial batch, among a good one."""

    def handle(record):
        if record.message_id == "o1":
            charge(order=record.message_id)

    event = sqs_event(an_order("good"), an_order("o1"))
    return failed(
        process_partial_response(
            event=event, record_handler=handle, processor=BatchProcessor(EventType.SQS), context=FakeContext()
        )
    )


def test_plain_an_effect_whose_saving_fails_is_repeated(plain, outage, effects):
    # Its invocation ends at once, and with it the lease.
    charge = plain(effects.of, context=FakeContext(remaining_ms=-1000))
    outage.operation = "UpdateItem"
    assert receive_plainly(charge) == ["o1"]

    outage.end()

    assert receive_plainly(charge) == []
    assert effects == ["o1", "o1"]


def test_ours_an_effect_whose_saving_fails_is_done_all_the_same(ours, outage, effects, log):
    outage.operation = "UPDATE"

    assert ours.receive(effects.append, "o1") == []
    assert (len(effects), outage.met, ours.outcome) == (1, 4, Done())
    assert Action.TROUBLE in log.actions
    assert ours.counts == {"Done": 1, "CompletionLost": 1}


def test_ours_it_is_saved_as_soon_as_the_store_is_back(ours, outage, effects, stored):
    outage.operation = "UPDATE"
    ours.meanwhile = outage.end

    ours.receive(effects.append, "o1")

    assert (len(effects), outage.met, stored.item["status"]) == (1, 1, COMPLETED)


# Releasing the key of a failed run fails.


def test_plain_a_failure_whose_release_fails_is_taken_for_another_one(plain, outage, stored):
    def fail(order):
        raise ZeroDivisionError

    outage.operation = "DeleteItem"

    with pytest.raises(IdempotencyPersistenceLayerError, match="Failed to delete"):
        plain(fail)(order="o1")

    assert stored.item["status"] == IN_PROGRESS


def test_ours_a_failure_that_cannot_be_recorded_costs_no_attempt_and_comes_back(ours, outage, clock, effects):
    def fail(message):
        raise ZeroDivisionError

    outage.operation = "UpdateItem"
    assert ours.receive(fail, "o1") == ["o1"]

    outage.end()
    clock.advance(300 * SECOND)

    assert ours.receive(effects.append, "o1") == []
    assert len(effects) == 1


# What comes again after it was completed, or after it was given up.


def test_plain_a_completed_key_looks_the_same_whether_it_runs_or_not(plain, effects, capsys):
    charge = plain(effects.of)

    assert charge(order="o1") is charge(order="o1") is None
    assert effects == ["o1"]
    assert capsys.readouterr().out == ""


def test_ours_a_completed_key_is_told_to_be_a_duplicate(ours, effects, log):
    ours.receive(effects.append, "o1")
    ours.receive(effects.append, "o1")

    assert ours.outcome == Done(duplicate=True)
    [first, second] = [fields for action, fields in log.lines if action is Action.DONE]
    assert (first["duplicate"], second["duplicate"]) == (None, True)


def test_ours_a_dead_letter_is_not_completed_and_keeps_its_story(ours, ledger, stored):
    def refuse(message):
        raise Reject("no such customer")

    ours.receive(refuse, "o1")
    assert isinstance(ours.outcome, Dead)

    item = next(item for item in stored.items if "state" in item)
    assert (item["state"], item["status"], item["error"]) == (State.DEAD, IN_PROGRESS, "no such customer")
    entry = Entry(key="o1", message_id="copy", type="order.placed", source="shop")
    assert ledger.lease([entry], lasts=SECOND) == [Closed(state=State.DEAD)]
