"""The entry point as Lambda runs it: the samples, the environment, the emulator's AWS."""

from __future__ import annotations

import pytest

from headworks.testing.events import FakeContext
from tests.support.emulated import Emulated
from tests.support.http_events import sample
from tests.support.orders import samples_of
from tests.support.pages import pages_of

pytestmark = pytest.mark.e2e


@pytest.fixture
def emulated(emulator_clients, monkeypatch):
    return Emulated(emulator_clients, monkeypatch, "track_event")


def test_the_sample_of_three_events_is_one_object_of_three_lines_however_often_it_comes(emulated):
    handler = emulated.handler()

    answers = [handler(sample("track_event/three_events.json"), FakeContext()) for _ in range(2)]

    assert answers == [{"batchItemFailures": []}] * 2
    [(key, lines)] = pages_of(emulated.aws("s3"), emulated.buckets["analytics"]).items()
    assert key.startswith("analytics/2026/01/01/00/")
    assert [(line["type"], line["tenant"]) for line in lines] == [
        ("page.viewed", "acme"),
        ("article.put_in_basket", "acme"),
        ("page.viewed", None),
    ]
    assert lines[1]["data"] == {"sku": "mug-blue", "price": 12.5, "visitor": "v-77"}


def test_what_was_sent_by_hand_is_a_line_and_what_is_no_event_a_dead_letter(emulated):
    answer = emulated.handler()(sample("track_event/by_hand_and_unreadable.json"), FakeContext())

    assert answer == {"batchItemFailures": []}
    [[line]] = pages_of(emulated.aws("s3"), emulated.buckets["analytics"]).values()
    assert (line["source"], line["data"]["sent"]) == ("analytics", "by hand")


def test_no_sample_goes_unread():
    assert samples_of("track_event") == ["by_hand_and_unreadable.json", "three_events.json"]
