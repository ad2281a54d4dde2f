"""The entry point as Lambda runs it: the samples, the environment, the emulator's AWS."""

from __future__ import annotations

import pytest

from headworks.testing.events import FakeContext
from tests.support.emulated import Emulated, told
from tests.support.http_events import sample
from tests.support.orders import samples_of

pytestmark = pytest.mark.e2e


@pytest.fixture
def emulated(emulator_clients, monkeypatch):
    return Emulated(emulator_clients, monkeypatch, "notify_order")


@pytest.mark.parametrize(
    ("name", "said", "order_id"),
    [
        ("order_placed.json", "the order order-1042 was placed", "order-1042"),
        ("order_refused.json", "the order order-1043 was refused: unpaid", "order-1043"),
    ],
)
def test_a_sample_is_told_in_one_line_of_its_own(emulated, name, said, order_id, capsys):
    answer = emulated.handler()(sample(f"notify_order/{name}"), FakeContext())

    output = capsys.readouterr().out
    [line] = [line for line in told(output) if "action" not in line]
    assert answer == {"batchItemFailures": []}
    assert (line["message"], line["order_id"]) == (said, order_id)
    assert "cus_" not in output


def test_no_sample_goes_unread():
    assert samples_of("notify_order") == ["order_placed.json", "order_refused.json"]
