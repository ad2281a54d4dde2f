"""Operating a queue on Redis: paused, counted, found, purged."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from pipeline import queues
from tests.e2e.pipeline import eventually

pytestmark = pytest.mark.e2e

ANALYTICS = queues.ANALYTICS


def document(done):
    """What a command printed, which went well."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def paused(headworks, analytics_alone):
    """The queue, paused: what is sent stays on Redis."""
    document(headworks("pause", ANALYTICS.name, "--because", "a test", "--json"))
    yield
    document(headworks("resume", ANALYTICS.name, "--json"))


@pytest.mark.usefixtures("paused")
def test_what_stays_on_a_paused_queue_on_redis_is_counted_found_and_purged(
    pipeline, headworks, without_redis
):
    if without_redis:
        pytest.skip("there is no Redis in this run")
    ready, later = f"ready-{uuid4().hex}", f"later-{uuid4().hex}"

    def stats():
        [consumer] = document(headworks("stats", ANALYTICS.name, "--json"))["consumers"]
        return consumer

    def state_of(name):
        return [each["state"] for each in document(headworks("find", name, "--json"))["items"]]

    def send(key, **how):
        body = {"type": "page.viewed", "source": "/shop", "data": {"visitor": key}, **how}
        return pipeline.post(ANALYTICS.name, body, key=key).json()["messageId"]

    def another_stays():
        """Until the pause has reached the last wait for a message, that still takes one."""
        send(f"{ready}-{uuid4().hex}")
        return stats()["pending"]

    eventually(another_stays, lambda pending: pending >= 1)
    first, delayed = send(ready), send(later, delayseconds=600)

    told = stats()
    found, waiting = state_of(ready), [state_of(later), state_of(delayed)]
    purged = document(headworks("purge", ANALYTICS.name, "--yes", "--json"))
    again = send(ready)

    assert (told["due"], told["paused"]["reason"], told["trouble"]) == (1, "a test", [])
    assert (found, waiting) == (["accepted"], [["waiting"], ["waiting"]])
    # What a drain had fetched before, for its batch, is in flight and not removed.
    assert purged["purged"] == told["pending"] + told["due"]
    assert again != first
    assert (stats()["pending"], stats()["due"]) == (1, 0)
