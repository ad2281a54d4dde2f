"""A paused queue on Redis: an operator has its messages processed, and some of them only."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from pipeline.queues import ANALYTICS
from tests.e2e.pipeline import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("analytics_alone")]

MANY = 3


def test_a_paused_queues_messages_are_processed_by_hand_and_not_otherwise(pipeline, headworks, without_redis):
    if without_redis:
        pytest.skip("what is on SQS has tests of its own")

    def pending():
        [shown] = pipeline.ask("GET", f"/queues/{ANALYTICS.name}").json()["consumers"]
        return shown["pending"]

    def pending_after_another():
        event = {"type": "page.viewed", "source": "/shop", "data": {}}
        pipeline.post(ANALYTICS.name, event, key=uuid4().hex)
        return pending()

    assert headworks("pause", ANALYTICS.name, "--because", "a test").returncode == 0
    try:
        # Until the pause has reached the last wait for a message, that still takes one.
        there = eventually(pending_after_another, lambda number: number >= MANY)

        done = headworks("process", ANALYTICS.name, "--batch-size", 2, "--json")

        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        assert [each["outcome"] for each in answer["messages"]] == ["done", "done"]
        assert (answer["failed"], answer["unfinished"]) == (0, False)
        assert pending() == there - 2
    finally:
        headworks("resume", ANALYTICS.name)
    eventually(pending, lambda number: number == 0)
