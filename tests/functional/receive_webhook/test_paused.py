"""What a paused source sends is verified, answered and kept back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headworks.ledger.ledger import State
from headworks.operations.control import Pause
from headworks.operations.flags import Phase, of_source
from headworks.queue import KEPT_BACK
from headworks.telemetry import Action
from headworks.webhooks.routes import routes_of
from pipeline import TOPOLOGY

BODY = b'{"id": "evt_1", "type": "payment_intent.succeeded", "data": {}}'
SECONDS_10 = timedelta(seconds=10)


@pytest.fixture
def paused(stand):
    stand.flags.put_up(of_source("stripe"), Pause(since=stand.clock.now(), by="ada"))
    return stand


def kept_back(stand):
    """Everything that waits in a ledger, by consumer."""
    return {
        consumer: [item for item in ledger.items.values() if item.state is State.WAITING]
        for ledgers in stand.ledgers.values()
        for consumer, ledger in ledgers.items()
        if ledger.items
    }


def test_an_event_is_answered_as_always_and_waits_with_every_consumer_that_it_is_for(paused):
    answered = paused.deliver("stripe", BODY)

    assert (answered.status, answered.body["received"]) == (200, True)
    assert paused.messages == []
    routed = {route.queue for route in routes_of(TOPOLOGY.routes, "stripe", "payment_intent.succeeded")}
    waiting = kept_back(paused)
    assert set(waiting) == {
        consumer for queue in TOPOLOGY.queues if queue.name in routed for consumer in queue.consumers
    }
    for [item] in waiting.values():
        assert item.due == paused.clock.now() + KEPT_BACK
        assert item.entry.source == "stripe"
    assert Action.KEPT_BACK in paused.log.actions
    assert Action.QUEUED not in paused.log.actions


def test_the_same_event_again_is_a_duplicate_for_as_long_as_always(paused):
    first = paused.deliver("stripe", BODY)

    again = paused.deliver("stripe", BODY)

    assert again.body == {**first.body, "duplicate": True}
    [queue] = [queue for queue in TOPOLOGY.queues if queue.name == "webhooks"]
    remembered = paused.memories["webhooks"].remembered.values()
    assert {each.window_ends for each in remembered} == {paused.clock.now() + queue.deduplication_window}


def test_a_wrong_signature_is_refused_all_the_same(paused):
    answered = paused.post("stripe", BODY, paused.signed("stripe", BODY + b" "))

    assert (answered.status, kept_back(paused)) == (401, {})


def test_other_sources_are_not_paused(paused):
    paused.deliver("github", b'{"zen": "Keep it"}', x_github_event="push")

    assert kept_back(paused) == {}
    assert paused.kept == 1


def test_when_it_is_resumed_events_are_sent_again_within_ten_seconds(paused):
    paused.deliver("stripe", BODY, event_id="evt_1")
    paused.flags.take_down(of_source("stripe"), phase=Phase.RESUMING, at=paused.clock.now())
    paused.clock.advance(SECONDS_10)

    paused.deliver("stripe", BODY.replace(b"evt_1", b"evt_2"))

    assert len(paused.messages) == len(kept_back(paused))


def test_the_flag_is_read_once_in_ten_seconds(stand):
    for _ in range(3):
        stand.deliver("stripe", BODY)

    assert stand.flags.reads == 1
    stand.clock.advance(SECONDS_10)
    stand.deliver("stripe", BODY)
    assert stand.flags.reads == 2


def test_while_the_flag_cannot_be_read_events_are_sent_and_that_is_told(paused):
    paused.flags.down = True

    answered = paused.deliver("stripe", BODY)

    assert answered.status == 200
    assert len(paused.messages) > 0
    assert Action.TROUBLE in paused.log.actions


def test_what_cannot_be_kept_back_is_to_be_sent_again(paused):
    for ledgers in paused.ledgers.values():
        for ledger in ledgers.values():
            ledger.down = True

    answered = paused.deliver("stripe", BODY)

    assert answered.status == 503
    assert paused.messages == []
