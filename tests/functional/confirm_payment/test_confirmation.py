"""Stripe's word that a payment succeeded is written down once; nobody else's is."""

from __future__ import annotations

import io
import json
from functools import partial
from types import SimpleNamespace
from uuid import uuid4

import pytest
from aws_lambda_powertools import Logger

from confirm_payment.confirmation import confirm
from confirm_payment.payments import Payments
from headworks import Message, Reject
from headworks.errors import Unavailable, Undecodable
from headworks.payload import decode_payload
from headworks.testing.clock import NEW_YEAR
from pipeline.payloads import PaymentEvent
from pipeline.queues import PAYMENTS
from tests.support.orders import bodies_of, items_of, make_table


@pytest.fixture
def dynamodb(aws):
    return aws("dynamodb")


@pytest.fixture
def payments(dynamodb):
    return Payments(dynamodb, table=make_table(dynamodb, "payments"))


@pytest.fixture
def said():
    """What the function's own log says, and the logger that writes it."""
    stream = io.StringIO()
    logger = Logger(service=f"confirm-{uuid4().hex}", stream=stream)
    return SimpleNamespace(
        logger=logger, lines=lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    )


@pytest.fixture
def confirmed(payments, said):
    """Confirm a payment as the entry point does."""
    return partial(confirm, payments=payments, logger=said.logger)


def paid(event_id="evt_1", *, source="stripe", event_type="payment_intent.succeeded", **intent):
    """Stripe's event, as the consumer hands it over."""
    about = {"id": "pi_1", "status": "succeeded", "amount_received": 4200, "currency": "eur", **intent}
    body = json.dumps({"id": event_id, "type": event_type, "data": {"object": about}}).encode()
    return Message(
        id="msg_1",
        source=source,
        type=event_type,
        data=decode_payload(body, PAYMENTS.payload, where=PAYMENTS.name),
        time=NEW_YEAR,
        idempotency_key=f"stripe:{event_id}",
    )


def test_a_payment_is_written_down_with_what_was_paid(confirmed, dynamodb):
    confirmed(paid())

    assert items_of(dynamodb, "payments") == {
        "pi_1": {"paid": "4200 eur", "event_id": "evt_1", "confirmed_at": "2026-01-01T00:00:00+00:00"}
    }


def test_said_again_it_changes_nothing(confirmed, dynamodb):
    confirmed(paid("evt_1"))

    confirmed(paid("evt_1"))
    confirmed(paid("evt_2"))

    assert items_of(dynamodb, "payments")["pi_1"]["event_id"] == "evt_1"


def test_another_amount_for_a_known_payment_is_rejected_with_both(confirmed, dynamodb):
    confirmed(paid())

    with pytest.raises(Reject, match="4200 eur, and now it should be 1 eur"):
        confirmed(paid("evt_2", amount_received=1))

    assert items_of(dynamodb, "payments")["pi_1"]["paid"] == "4200 eur"


def decide(dynamodb, status):
    """An order that names the payment is decided."""
    dynamodb.update_item(
        TableName="payments",
        Key={"id": {"S": "pi_1"}},
        UpdateExpression="SET order_id = :order, order_status = :status",
        ExpressionAttributeValues={":order": {"S": "o1"}, ":status": {"S": status}},
    )


def test_money_that_comes_after_its_order_was_refused_is_written_down_and_warned_of(
    confirmed, dynamodb, said
):
    decide(dynamodb, "refused")

    confirmed(paid())

    [line] = said.lines()
    assert items_of(dynamodb, "payments")["pi_1"]["paid"] == "4200 eur"
    assert (line["level"], line["order_id"], line["message_id"]) == ("WARNING", "o1", "msg_1")
    assert line["message"] == "the payment pi_1 of 4200 eur came after the order o1 was refused: give it back"


def test_money_that_its_order_has_taken_is_no_warning_when_it_is_said_again(confirmed, dynamodb, said):
    confirmed(paid())
    decide(dynamodb, "placed")

    confirmed(paid())

    assert said.lines() == []


@pytest.mark.parametrize("source", ["/shop", "payments", "github"])
def test_what_stripe_did_not_sign_confirms_nothing(confirmed, dynamodb, source):
    with pytest.raises(Reject, match="only verified events of stripe"):
        confirmed(paid(source=source))

    assert items_of(dynamodb, "payments") == {}


@pytest.mark.parametrize(
    "wrong",
    [{"event_type": "payment_intent.payment_failed"}, {"status": "requires_capture"}, {"amount_received": 0}],
)
def test_an_event_of_a_payment_that_did_not_succeed_is_rejected(confirmed, dynamodb, wrong):
    with pytest.raises(Reject, match="confirms no payment"):
        confirmed(paid(**wrong))

    assert items_of(dynamodb, "payments") == {}


def test_an_event_about_something_else_is_undecodable_and_says_where():
    [message] = bodies_of("confirm_payment", "charge.json")

    with pytest.raises(Undecodable, match=r"`amount_received` - at `\$.data.object`"):
        decode_payload(json.dumps(message["data"]).encode(), PaymentEvent, where=PAYMENTS.name)


def test_a_table_that_is_not_there_is_our_trouble_and_not_the_payments(dynamodb, said):
    with pytest.raises(Unavailable, match="the table of payments"):
        confirm(paid(), payments=Payments(dynamodb, table="gone"), logger=said.logger)
