"""The entry point as Lambda runs it: the samples, the environment, the emulator's AWS."""

from __future__ import annotations

import pytest

from headworks.testing.events import FakeContext
from tests.support.emulated import Emulated, told
from tests.support.http_events import sample
from tests.support.orders import items_of, samples_of

pytestmark = pytest.mark.e2e


@pytest.fixture
def emulated(emulator_clients, monkeypatch):
    return Emulated(emulator_clients, monkeypatch, "confirm_payment")


def test_the_sample_of_a_payment_is_written_down(emulated):
    answer = emulated.handler()(sample("confirm_payment/payment_intent_succeeded.json"), FakeContext())

    assert answer == {"batchItemFailures": []}
    payments = items_of(emulated.aws("dynamodb"), emulated.tables["payments"])
    assert payments["pi_3SkZq2LkdIwHu7ix0order1042"]["paid"] == "4200 eur"


@pytest.mark.parametrize(
    ("name", "reason", "why"),
    [
        ("failed_payment.json", "rejected", "confirms no payment"),
        ("charge.json", "undecodable", "$.data.object"),
    ],
)
def test_the_sample_of_something_else_is_dead_at_once_and_says_why(emulated, name, reason, why, capsys):
    answer = emulated.handler()(sample(f"confirm_payment/{name}"), FakeContext())

    assert answer == {"batchItemFailures": []}
    assert items_of(emulated.aws("dynamodb"), emulated.tables["payments"]) == {}
    dead = told(capsys.readouterr().out)[-1]
    assert (dead["action"], dead["reason"]) == ("dead", reason)
    assert why in dead["error"]


def test_no_sample_goes_unread():
    assert samples_of("confirm_payment") == [
        "charge.json",
        "failed_payment.json",
        "payment_intent_succeeded.json",
    ]
