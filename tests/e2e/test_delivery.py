"""An event's way through the deployed pipeline, and what its endpoint makes of it."""

import pytest
from standardwebhooks import Webhook

from headworks.ledger.ledger import State
from pipeline import TOPOLOGY
from tests.e2e.pipeline import waits

pytestmark = pytest.mark.e2e

SOURCES = [source.name for source in TOPOLOGY.sources]


@pytest.mark.parametrize("source", SOURCES)
def test_an_event_arrives_once_as_it_was_sent_and_signed(pipeline, source):
    event, later = pipeline.event(source), pipeline.event(source)

    answers = [pipeline.send(event), pipeline.send(event), pipeline.send(later)]

    # Another test may have paused its source for a moment, and what is kept back comes with the next minute.
    [arrival] = pipeline.wait_for(event, seconds=150)
    assert arrival.body == event.body
    Webhook(pipeline.outputs.inbox_secret).verify(arrival.body, arrival.headers)
    assert [answer.status for answer in answers] == [200, 200, 200]
    assert answers[1].answer == {**answers[0].answer, "duplicate": True}
    pipeline.wait_for(later, seconds=150)
    assert len(pipeline.arrivals(event)) == 1


def test_an_endpoint_that_is_down_is_tried_again_on_schedule(pipeline):
    event = pipeline.event("stripe")
    pipeline.behave(event, 500, 500, 500, 200)

    pipeline.send(event)

    arrivals = pipeline.wait_for(event, deliveries=4, seconds=90)
    assert [arrival.status for arrival in arrivals] == [500, 500, 500, 200]
    for wait, delay in zip(waits(arrivals), (1, 5, 30), strict=True):
        assert delay <= wait <= delay * 1.2 + 2


def test_every_attempt_carries_the_same_id(pipeline):
    event = pipeline.event("github")
    pipeline.behave(event, 503, 200)

    message_id = pipeline.send(event).answer["messageId"]

    arrivals = pipeline.wait_for(event, deliveries=2)
    assert {arrival.headers["webhook-id"] for arrival in arrivals} == {message_id}


def test_a_busy_endpoint_is_left_alone_for_as_long_as_it_asks(pipeline):
    event = pipeline.event("stripe")
    pipeline.behave(event, 429, 200, Retry_After="7")

    pipeline.send(event)

    [wait] = waits(pipeline.wait_for(event, deliveries=2))
    assert 7 <= wait <= 9


def test_an_event_that_its_endpoint_refuses_is_dead_at_once(pipeline):
    event = pipeline.event("github")
    pipeline.behave(event, 404)

    message_id = pipeline.send(event).answer["messageId"]

    assert pipeline.dead_letter(message_id)["reason"] == "rejected"
    assert len(pipeline.arrivals(event)) == 1


def test_a_long_wait_is_spent_out_of_the_queue_and_ends_on_time(pipeline):
    # Larger than what the ledger's table holds: its body waits in the bucket.
    event = pipeline.event("stripe", padding_bytes=60_000)
    pipeline.behave(event, 429, 200, Retry_After="90")

    message_id = pipeline.send(event).answer["messageId"]

    assert pipeline.listed(State.WAITING, message_id)["attempt"] == "1"
    arrivals = pipeline.wait_for(event, deliveries=2, seconds=150)
    [wait] = waits(arrivals)
    assert arrivals[1].body == event.body
    assert 90 <= wait <= 90 * 1.2 + 3


def test_what_sqs_itself_gave_up_on_is_a_dead_letter_too(pipeline):
    message_id = pipeline.give_up("webhooks", "deliver_webhook")

    dead = pipeline.dead_letter(message_id)

    assert (dead["reason"], dead["type"]) == ("crashed", "stripe.charge")
    pipeline.wait_until_empty("webhooks", "deliver_webhook")


def test_a_body_that_no_queue_takes_travels_whole(pipeline):
    event = pipeline.event("stripe", padding_bytes=2_000_000)

    pipeline.send(event)

    [arrival] = pipeline.wait_for(event)
    assert arrival.body == event.body


def test_what_nobody_signed_goes_nowhere(pipeline):
    event, later = pipeline.event("stripe"), pipeline.event("stripe")
    to = pipeline.outputs.sources["stripe"]

    answer = pipeline.http.request("POST", pipeline.outputs.endpoint + to.path, body=event.body, headers={})

    assert answer.status == 401
    pipeline.send(later)
    pipeline.wait_for(later)
    assert pipeline.arrivals(event) == []


def test_a_message_waits_in_the_ledger_and_is_taken_back_by_its_key(pipeline):
    body = {"data": {"endpoint": "default", "body": ""}, "delayseconds": 20 * 60}

    accepted = pipeline.post("webhooks", body, key="my/odd key €")

    assert accepted.status == 202
    assert pipeline.listed(State.WAITING, accepted.json()["messageId"])["attempt"] == "0"
    taken_back = [pipeline.take_back("webhooks", "my/odd key €").status for _ in range(2)]
    assert taken_back == [204, 404]
