"""What is told of an order: that it was placed or refused, by ids."""

from __future__ import annotations

import io
import json

import pytest
from aws_lambda_powertools import Logger

from notify_order.notification import notify
from pipeline.payloads import OrderEvent, Refusal
from tests.support.orders import a_message_of, an_order


@pytest.mark.parametrize(
    ("refusal", "event_type", "said"),
    [
        (None, "order.placed", "the order o1 was placed"),
        (Refusal.UNPAID, "order.refused", "the order o1 was refused: unpaid"),
    ],
)
def test_it_is_one_line_with_ids_and_nothing_of_the_customer(refusal, event_type, said):
    stream = io.StringIO()
    event = OrderEvent.of(an_order("o1", customer="ada@example.com"), refusal)

    notify(a_message_of(event), logger=Logger(service=f"notify-{event_type}", stream=stream))

    [line] = stream.getvalue().splitlines()
    told = json.loads(line)
    assert (told["message"], told["event_type"]) == (said, event_type)
    assert (told["order_id"], told["message_id"]) == ("o1", "msg_1")
    assert "ada" not in line
