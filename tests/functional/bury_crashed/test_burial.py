"""What lies on a dead-letter queue ends in the ledger of the consumer that it belongs to."""

from __future__ import annotations

import json
from datetime import timedelta
from hashlib import md5
from pathlib import Path

import pytest

from bury_crashed.burial import UnknownQueue
from headworks.ledger.ledger import Entry, Lease, State
from headworks.message import Carrier, decode
from headworks.outcome import Reason
from headworks.telemetry import Action

SAMPLES = Path(__file__).parents[3] / "events" / "bury_crashed"
NAMES = sorted(path.name for path in SAMPLES.glob("*.json"))
MINUTE = timedelta(minutes=1)


def sample(name):
    return json.loads((SAMPLES / name).read_text())


def ids(event):
    return [record["messageId"] for record in event["Records"]]


def entry_of(record):
    body = record["body"]
    carrier = Carrier(queue="webhooks", id=record["messageId"], sent_at=None, ordering_key=None)
    return Entry.of(decode(body, carrier=carrier, key_path=None))


def lease(ledger, record):
    [lease] = ledger.lease([entry_of(record)], lasts=MINUTE)
    assert isinstance(lease, Lease)
    return lease


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_a_batch_as_lambda_gets_it(name):
    for record in sample(name)["Records"]:
        assert record["md5OfBody"] == md5(record["body"].encode(), usedforsecurity=False).hexdigest()
        assert record["eventSource"] == "aws:sqs"
        assert "-dead-letters" in record["eventSourceARN"]


def test_what_sqs_gave_up_on_is_dead_as_crashed_and_leaves_the_queue(stand):
    event = sample("given_up_by_sqs.json")

    assert stand.bury(event) == []

    items = list(stand.ledger().items.values())
    assert [item.state for item in items] == [State.DEAD] * 3
    assert {reason for _, reason in stand.ledger().letters.values()} == {Reason.CRASHED}
    assert stand.counted == [("deliver_webhook", {"Dead": 3})]


def test_what_the_edge_quarantined_keeps_its_reason(stand):
    assert stand.bury(sample("quarantined.json")) == []

    [(letter, reason)] = stand.ledger().letters.values()
    assert reason is Reason.QUARANTINED
    assert json.loads(letter.body)["type"] == "ping"


def test_a_body_that_nobody_can_read_is_kept_as_it_came(stand):
    event = sample("unreadable_body.json")

    assert stand.bury(event) == []

    [(letter, reason)] = stand.ledger().letters.values()
    assert (letter.body, reason) == (event["Records"][0]["body"], Reason.UNDECODABLE)


def test_a_dead_letter_is_one_of_the_consumer_whose_queue_it_lay_on(stand):
    event = sample("ordered_of_one_of_several_consumers.json")

    assert stand.bury(event) == []

    assert {item.entry.key for item in stand.ledger("order-events", "update_stock").items.values()} == {
        "ord_6",
        "ord_7",
    }
    assert ("order-events", "tell_customer") not in stand.ledgers
    assert stand.counted == [("update_stock", {"Dead": 2})]


def test_what_was_completed_is_closed_and_counts_as_no_death(stand):
    event = sample("given_up_by_sqs.json")
    for record in event["Records"]:
        stand.ledger().complete([lease(stand.ledger(), record)])

    assert stand.bury(event) == []

    assert {item.state for item in stand.ledger().items.values()} == {State.COMPLETED}
    assert stand.counted == []


def test_what_is_being_run_stays_a_while_and_its_neighbours_go(stand):
    event = sample("given_up_by_sqs.json")
    lease(stand.ledger(), event["Records"][1])

    assert stand.bury(event) == [ids(event)[1]]

    assert timedelta(0) < stand.waits()[ids(event)[1]] < MINUTE
    assert [item.state for item in stand.ledger().items.values()].count(State.DEAD) == 2


def test_while_the_ledger_is_down_everything_stays(stand):
    event = sample("given_up_by_sqs.json")
    stand.ledger().down = True

    assert stand.bury(event) == ids(event)

    assert len(stand.waits()) == 3
    stand.ledger().down = False
    assert stand.bury(event) == []


def test_trouble_that_nobody_thought_of_keeps_one_message_and_is_told(stand):
    event = sample("given_up_by_sqs.json")
    stand.ledger().breaking = {entry_of(event["Records"][0]).key}

    assert stand.bury(event) == [ids(event)[0]]

    [told] = [fields for action, fields in stand.log.lines if action is Action.TROUBLE]
    assert isinstance(told["error"], RecursionError)
    assert told["message_id"] == ids(event)[0]


def test_a_batch_that_comes_again_changes_nothing(stand):
    event = sample("given_up_by_sqs.json")
    stand.bury(event)
    before = dict(stand.ledger().items)

    assert stand.bury(event) == []

    assert stand.ledger().items == before


def test_an_empty_batch_is_nothing_to_do(stand):
    assert stand.bury({"Records": []}) == []


def test_messages_of_a_queue_that_is_nobodys_are_left_there(stand):
    event = sample("given_up_by_sqs.json")
    for record in event["Records"]:
        record["eventSourceARN"] = "arn:aws:sqs:eu-central-1:123456789012:theirs"

    with pytest.raises(UnknownQueue, match="theirs is no consumer's dead-letter queue"):
        stand.bury(event)
